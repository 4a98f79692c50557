// Renders reports to pictures: node pictures.mjs FOLDER OUT CHROMIUM. See .ci/pictures.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";
import rehypeRaw from "rehype-raw";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { remarkAlert } from "remark-github-blockquote-alert";
import { unified } from "unified";

const [folder, out, chromium] = process.argv.slice(2);
const here = createRequire(import.meta.url);
const asset = (name) => fs.readFileSync(here.resolve(name), "utf8");
const style = asset("github-markdown-css/github-markdown.css");
const alerts = asset("remark-github-blockquote-alert/alert.css");
// GitHub has drawn with both of these; a chart has to be one for either.
const engines = { 11: "mermaid/dist/mermaid.min.js", 10: "mermaid10/dist/mermaid.min.js" };

const toHTML = unified().use(remarkParse).use(remarkGfm).use(remarkAlert).use(remarkRehype, { allowDangerousHtml: true }).use(rehypeRaw).use(rehypeStringify);

const page = (body, dark) => `<!doctype html><html data-theme="${dark ? "dark" : "light"}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><style>${style}${alerts}
body { margin: 0; background: ${dark ? "#0d1117" : "#fff"}; } .markdown-body { padding: 16px; }</style>
<article class="markdown-body">${body}</article></html>`;

const sizes = { wide: 860, narrow: 400 };
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--force-color-profile=srgb"] });
const tab = await browser.newPage();
let charts = 0, pictures = 0;
const broken = [];

async function draw(engine, dark) {
  await tab.addScriptTag({ content: asset(engines[engine]) });
  return tab.evaluate(async (theme) => {
    mermaid.initialize({ startOnLoad: false, theme, suppressErrorRendering: true });
    const wrong = [];
    let n = 0;
    for (const code of document.querySelectorAll("code.language-mermaid")) {
      n++;
      try {
        const { svg } = await mermaid.render("chart" + n, code.textContent);
        const box = document.createElement("div");
        box.innerHTML = svg;
        code.parentElement.replaceWith(box);
      } catch (error) {
        wrong.push(String(error) + "\n" + code.textContent);
      }
    }
    return { n, wrong };
  }, dark ? "dark" : "default");
}

async function shoot(name) {
  await tab.screenshot({ path: path.join(out, name + ".png"), fullPage: true });
  pictures++;
}

for (const name of fs.readdirSync(folder).filter((n) => n.endsWith(".md"))) {
  const body = String(await toHTML.process(fs.readFileSync(path.join(folder, name), "utf8")));
  for (const [size, width] of Object.entries(sizes)) {
    for (const dark of [false, true]) {
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
      await tab.setViewport({ width, height: 700 });
      for (const engine of Object.keys(engines)) {
        await tab.setContent(page(body, dark));
        // What is folded is looked at too, in pictures of its own.
        const folded = path.basename(name, ".md") + `-${size}-${dark ? "dark" : "light"}`;
        if (engine === "11") await shoot(folded);
        await tab.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
        const { n, wrong } = await draw(engine, dark);
        charts += n;
        for (const w of wrong) broken.push(`${name}, Mermaid ${engine}: ${w}`);
        if (engine === "11") await shoot(folded + "-open");
        const overflow = await tab.evaluate(() => document.querySelector("article").scrollWidth - document.querySelector("article").clientWidth);
        if (overflow > 1 && engine === "11" && size === "wide") broken.push(`${name}: ${overflow} pixels wider than the page`);
      }
    }
  }
}
for (const name of fs.readdirSync(folder).filter((n) => n.endsWith(".html"))) {
  for (const [size, width] of Object.entries(sizes)) {
    for (const dark of [false, true]) {
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
      await tab.setViewport({ width, height: 700 });
      await tab.goto(pathToFileURL(path.resolve(folder, name)));
      const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 1) broken.push(`${name}: ${overflow} pixels wider than a page of ${width}`);
      await shoot(`page-${path.basename(name, ".html")}-${size}-${dark ? "dark" : "light"}`);
    }
  }
  // Paper cannot be scrolled: nothing may be wider than A4 without its edges.
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
  await tab.emulateMediaType("print");
  await tab.setViewport({ width: 720, height: 1000 });
  await tab.goto(pathToFileURL(path.resolve(folder, name)));
  const cut = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (cut > 1) broken.push(`${name}: ${cut} pixels wider than paper`);
  await shoot(`page-${path.basename(name, ".html")}-print`);
  await tab.emulateMediaType("screen");
}
await browser.close();
for (const b of broken) console.error("FAIL  " + b);
console.log(`${pictures} pictures in ${out}; ${charts} Mermaid charts were drawn, ${broken.length} things are wrong`);
process.exit(broken.length ? 1 : 0);
