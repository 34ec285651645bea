"use strict";
const report = JSON.parse(document.getElementById("report").textContent);
const root = document.documentElement;
const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["toImage"] };

// Theme: the system's until the button is pressed; Plotly takes its colours from the page's style.
const wish = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;

function style(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

function axis() { return { gridcolor: style("--grid"), zerolinecolor: style("--line"), linecolor: style("--line") }; }

function themed(layout) {
  return {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: style("--ink") },
    hoverlabel: { bgcolor: style("--card"), bordercolor: style("--line"), font: { color: style("--ink") } },
    xaxis: { automargin: true, ...layout.xaxis, ...axis() },
    yaxis: { automargin: true, ...layout.yaxis, ...axis() },
  };
}

function inked(trace) {
  return trace.type === "heatmap" ? { ...trace, textfont: { size: 10, color: style("--ink") } } : trace;
}

function paint() {
  root.dataset.theme = chosen ?? (wish.matches ? "dark" : "light");
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = report.figures[place.dataset.figure];
    Plotly.react(place, figure.data.map(inked), themed(figure.layout), options);
  }
}

document.getElementById("theme").addEventListener("click", () => {
  chosen = root.dataset.theme === "dark" ? "light" : "dark";
  paint();
});
wish.addEventListener("change", paint);
paint();

// Scenes in three dimensions.
const CUT = 1.8; // metres above the lowest point

function bytes(text) { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); }

function decode(cloud) {
  const place = new Int16Array(bytes(cloud.coord).buffer);
  return {
    ...cloud,
    coord: Float32Array.from(place, (value) => value * cloud.scale),
    color: bytes(cloud.color),
    label: new Int16Array(bytes(cloud.label).buffer),
    prediction: new Int16Array(bytes(cloud.prediction).buffer),
  };
}

const decoded = new Map();
function cloudOf(id) {
  if (!decoded.has(id)) decoded.set(id, decode(report.clouds[id]));
  return decoded.get(id);
}

const rgb = ([red, green, blue]) => `rgb(${red},${green},${blue})`;

function colorer(cloud, mode) {
  const table = cloud.palette.map(rgb);
  const ofClass = (c) => (c < 0 ? rgb(cloud.none) : table[c]);
  return {
    color: (i) => rgb(cloud.color.subarray(3 * i, 3 * i + 3)),
    truth: (i) => ofClass(cloud.label[i]),
    prediction: (i) => ofClass(cloud.prediction[i]),
    error: (i) => rgb(cloud.label[i] < 0 ? cloud.none
      : cloud.label[i] === cloud.prediction[i] ? cloud.right : cloud.wrong),
  }[mode];
}

function points(cloud, mode, cut) {
  const rows = [];
  for (let i = 0; i < cloud.points; i++) if (!cut || cloud.coord[3 * i + 2] <= CUT) rows.push(i);
  const name = (c) => (c < 0 ? "unlabelled" : cloud.names[c]);
  const along = (k) => rows.map((i) => cloud.coord[3 * i + k]);
  const size = Math.min(7, Math.max(2, 560 / Math.sqrt(rows.length)));
  return {
    type: "scatter3d", mode: "markers", x: along(0), y: along(1), z: along(2), hoverinfo: "text",
    text: rows.map((i) => `${name(cloud.label[i])}, taken for ${name(cloud.prediction[i])}`),
    marker: { size, color: rows.map(colorer(cloud, mode)), line: { width: 0 }, opacity: 1 },
  };
}

const hidden = { visible: false, showspikes: false };
const stage = {
  margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", uirevision: "kept",
  scene: {
    aspectmode: "data", dragmode: "orbit", xaxis: hidden, yaxis: hidden, zaxis: hidden,
    camera: { eye: { x: 0.45, y: -0.95, z: 0.95 } },
  },
};

function open(viewer) {
  const place = viewer.querySelector(".cloud");
  const scene = viewer.querySelector("select");
  const cut = viewer.querySelector("input");
  const buttons = [...viewer.querySelectorAll("[data-mode]")];
  const mode = () => buttons.find((b) => b.getAttribute("aria-pressed") === "true").dataset.mode;
  const show = () => Plotly.react(
    place, [points(cloudOf(scene.value), mode(), cut.checked)], stage, { ...options, scrollZoom: true },
  ).then(() => { place.dataset.shown = `${scene.value} ${mode()} ${cut.checked}`; });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      show();
    });
  }
  scene.addEventListener("change", show);
  cut.addEventListener("change", show);
  show();
}

// A browser keeps few 3D views alive: each is opened when it comes near, and stays.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) { watcher.unobserve(entry.target); open(entry.target); }
  }
}, { rootMargin: "300px" });
for (const viewer of document.querySelectorAll(".viewer")) watcher.observe(viewer);
