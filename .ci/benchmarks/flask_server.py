"""The server that a data scientist writes in ten lines: Flask and scikit-learn, run by gunicorn."""

import os

import joblib
import numpy as np
from flask import Flask, jsonify, request

app = Flask(__name__)
model = joblib.load(os.environ["MODEL"])


@app.post("/invocations")
def invocations():
    rows = request.get_json()["dataframe_split"]["data"]
    return jsonify(predictions=model.predict(np.asarray(rows)).tolist())


@app.get("/ping")
def ping():
    return "ok"
