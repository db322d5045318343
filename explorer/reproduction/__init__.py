"""Our numbers beside the paper's: what was reproduced, how, and how close."""
