"""What is asked: experiments, recipes, sweeps and the packaged presets. No torch, so every process can import it."""
