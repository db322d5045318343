"""What a trained model answers: adversarial examples, views, predictions, and the checks of them."""
