"""Training methods: each file holds one loss, `loss(model, x, y, recipe, epsilon, step) -> scalar tensor`.

model: the network, in training mode. x: a batch of images, float32 in [0, 1]. y: true classes. recipe: that defense's
settings. epsilon: the budget of the experiment. step: the update's number, from 0. The loss is a mean over the batch.
"""
