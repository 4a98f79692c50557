import os

import pandas as pd
import tensorflow as tf

env = os.environ
train = pd.read_csv(env["WEIGHLOCK_TRAIN"]).drop(columns=env["WEIGHLOCK_ID"])
y = train.pop(env["WEIGHLOCK_TARGET"]).to_numpy()
x = tf.constant(train.to_numpy(), tf.float32) / 16


class Softmax(tf.Module):
    def __init__(self, generator):
        self.w = tf.Variable(generator.normal([64, 10], stddev=0.01))
        self.b = tf.Variable(tf.zeros([10]))

    @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32)])
    def __call__(self, x):
        return x @ self.w + self.b


model = Softmax(tf.random.Generator.from_seed(int(env["WEIGHLOCK_SEED"])))
for _ in range(400):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x)))
    for v, g in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables)):
        v.assign_sub(1.0 * g)
tf.saved_model.save(model, env["WEIGHLOCK_MODEL"])
