// Trim GitHub's OpenAPI description to the operations that forge uses, and the webhook examples to what is not a link.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [source, forge, ci] = process.argv.slice(2);

const operations = `
get /repos/{owner}/{repo}/issues/{issue_number}/comments
post /repos/{owner}/{repo}/issues/{issue_number}/comments
get /repos/{owner}/{repo}/issues/comments/{comment_id}
patch /repos/{owner}/{repo}/issues/comments/{comment_id}
delete /repos/{owner}/{repo}/issues/comments/{comment_id}
post /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions
get /repos/{owner}/{repo}/issues/{issue_number}/events
get /repos/{owner}/{repo}/pulls
get /repos/{owner}/{repo}/pulls/{pull_number}
get /repos/{owner}/{repo}/pulls/{pull_number}/reviews
get /repos/{owner}/{repo}/collaborators/{username}/permission
get /repos/{owner}/{repo}/commits
get /repos/{owner}/{repo}/commits/{ref}
get /repos/{owner}/{repo}/commits/{commit_sha}/pulls
get /repos/{owner}/{repo}/compare/{basehead}
post /repos/{owner}/{repo}/check-runs
patch /repos/{owner}/{repo}/check-runs/{check_run_id}
post /repos/{owner}/{repo}/statuses/{sha}
get /repos/{owner}/{repo}/git/trees/{tree_sha}
get /repos/{owner}/{repo}/git/blobs/{file_sha}
get /repos/{owner}/{repo}/actions/runs/{run_id}
get /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts
get /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}
post /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs
`.trim().split("\n").map((line) => line.split(" "));

const whole = JSON.parse(readFileSync(`${source}/openapi/generated/api.github.com.json`, "utf8"));
const trimmed = { openapi: whole.openapi, info: { title: whole.info.title, version: whole.info.version, license: whole.info.license }, servers: [{ url: "/" }], paths: {}, components: {} };

// Words for people and examples are half of the file and check nothing.
const dropped = new Set(["description", "summary", "example", "examples", "externalDocs", "tags", "x-github", "deprecated", "x-multi-segment"]);
const strip = (value, inProperties) => {
  if (Array.isArray(value)) return value.map((v) => strip(v, false));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value)
    .filter(([key]) => inProperties || !dropped.has(key))
    .map(([key, v]) => [key, strip(v, key === "properties" && !inProperties)]));
};

const need = (value) => {
  if (Array.isArray(value)) return value.forEach(need);
  if (value === null || typeof value !== "object") return;
  if (typeof value.$ref === "string") {
    const [, , kind, name] = value.$ref.split("/");
    trimmed.components[kind] ??= {};
    if (!(name in trimmed.components[kind])) {
      trimmed.components[kind][name] = strip(whole.components[kind][name], false);
      need(trimmed.components[kind][name]);
    }
    return;
  }
  Object.values(value).forEach(need);
};

for (const [method, path] of operations) {
  const operation = whole.paths[path]?.[method];
  if (!operation) throw new Error(`${method} ${path} is not in the description`);
  const kept = strip(operation, false);
  // A response must carry a description.
  for (const response of Object.values(kept.responses)) if (!response.$ref) response.description = "";
  trimmed.paths[path] ??= {};
  trimmed.paths[path][method] = kept;
  need(kept);
}
for (const response of Object.values(trimmed.components.responses ?? {})) response.description = "";
writeFileSync(`${forge}/github.json`, JSON.stringify(trimmed) + "\n");

const examples = JSON.parse(readFileSync(`${source}/webhooks-examples/api.github.com/index.json`, "utf8"));
const light = (value) => {
  if (Array.isArray(value)) return value.map(light);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !/_url$|^_links$|^node_id$/.test(key)).map(([key, v]) => [key, light(v)]));
};
const events = examples.map(({ name, examples }) => ({ name, examples: examples.map(light) }));
writeFileSync(`${ci}/webhooks.json.gz`, gzipSync(JSON.stringify(events), { level: 9 }));
