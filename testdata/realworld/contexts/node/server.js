// One page.
const express = require("express");
const app = express();
app.get("/", (_, response) => response.send("hello from node\n"));
app.listen(process.env.PORT || 3000);
