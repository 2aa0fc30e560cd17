// Says hello.
const express = require("express");

const app = express();
app.get("/", (_request, response) => response.send("Hello from Node\n"));
const server = app.listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
