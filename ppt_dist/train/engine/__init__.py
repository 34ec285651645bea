"""What turns losses into steps: the one door to deepspeed."""
