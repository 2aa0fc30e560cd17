"""Lists what a table holds."""

import mysql.connector
from flask import Flask

app = Flask(__name__)


@app.route("/")
def page():
    with mysql.connector.connect(host="db", user="root", database="example") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT title FROM posts")
        return "\n".join(title for (title,) in cursor)
