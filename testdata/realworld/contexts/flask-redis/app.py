"""Counts visits in Redis."""

from flask import Flask
from redis import Redis

app = Flask(__name__)
visits = Redis(host="redis")


@app.route("/")
def page():
    return f"visit {visits.incr('visits')}\n"
