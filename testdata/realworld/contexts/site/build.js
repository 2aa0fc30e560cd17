// Makes build/index.html of page.md.
const fs = require("fs");
const { marked } = require("marked");
fs.mkdirSync("build", { recursive: true });
fs.writeFileSync("build/index.html", marked.parse(fs.readFileSync("page.md", "utf8")));
