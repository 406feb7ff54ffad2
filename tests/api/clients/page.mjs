// The web page in a real browser, against the scripted server.   page.mjs BASE_URL CHROMIUM [SCREENSHOT]
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [base, executablePath, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const faults = [];

async function open(viewport) {
  const context = await browser.newContext({ viewport, permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("request", (request) => request.url().startsWith(base) || request.url().startsWith("data:") || faults.push(`asks ${request.url()}`));
  await page.goto(base);
  await page.waitForFunction(() => document.querySelector("#model").value === "scripted");
  return page;
}
const last = (page) => page.locator("article.assistant div").last();

try {
  const page = await open({ width: 1100, height: 700 });
  await page.keyboard.type("say Hello <b>there</b>.");  // the message box has the focus
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("article small")?.textContent.includes("tokens"));
  assert.equal(await last(page).textContent(), "Hello <b>there</b>.", "text is text, not markup");

  await page.keyboard.type("forever");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("article.assistant div")[1]?.textContent.length > 40);
  assert.match(await page.locator("#status").textContent(), /running/);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => [...document.querySelectorAll("article small")].at(-1).textContent.includes("stopped"));
  assert.match(await page.locator("article small").last().textContent(), /tokens\/s/);

  await page.locator("#clear").click();
  await page.keyboard.type("think Hm. | Yes.");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("article small"));
  assert.equal((await last(page).textContent()).trim(), "Yes.");
  assert.match(await page.locator("details").textContent(), /Hm\./);
  await page.locator("#again").click();
  await page.waitForFunction(() => document.querySelectorAll("article.assistant").length === 1 && document.querySelector("article.assistant small"));
  assert.equal(await page.locator("article.user").count(), 1);

  await page.locator("#panel").click();
  await page.locator('[data-knob="temperature"]').fill("9");
  await page.locator("#curl").click();
  await page.waitForFunction(() => document.querySelector("#curl").textContent === "Copied");
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl 'http.*"temperature":9/);
  await page.locator("#input").fill("say a");
  faults.length = 0;
  await page.locator("#send").click();
  await page.waitForSelector("article.error");
  assert.match(await page.locator("article.error div").textContent(), /temperature must be in \[0, 2\], got 9|temperature too large/);
  assert.ok(faults.every((fault) => /400/.test(fault)), faults.join("\n"));
  faults.length = 0;
  if (screenshot) await page.screenshot({ path: screenshot });

  const phone = await open({ width: 360, height: 640 });
  await phone.locator("#input").fill("say On a phone.");
  await phone.locator("#send").click();
  await phone.waitForFunction(() => document.querySelector("article small"));
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "no sideways scrolling");
  for (const id of ["send", "stop", "model"]) {
    const box = await phone.locator(`#${id}`).boundingBox();
    assert.ok(box.height >= 40 && box.y + box.height <= 641, `${id} can be touched`);
  }
  if (screenshot) await phone.screenshot({ path: screenshot.replace(".png", "-phone.png") });
  assert.deepEqual(faults, []);
  console.log("the page works");
} finally {
  await browser.close();
}
