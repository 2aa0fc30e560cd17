"""Another web page on the same layers."""

from flask import Flask

app = Flask(__name__)


@app.route("/")
def main():
    return "Welcome to the second app!\n"
