// One entry that `require` and `import` both load, with the same names.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as imported from "cxone-actions";
import { node } from "./support.mjs";

const NAMES = [
  "AbortError",
  "AccessDeniedError",
  "ActionCancelledError",
  "ActionDescription",
  "ActionFailedError",
  "ActionResult",
  "AuditError",
  "AuditTrail",
  "AuthenticationError",
  "CallbackListener",
  "Client",
  "ClosedError",
  "ConfigError",
  "CxoneError",
  "Invocation",
  "Metrics",
  "Outcome",
  "OutcomeUnknownError",
  "OverloadedError",
  "PermissionDeniedError",
  "PollTimeoutError",
  "ProtocolError",
  "RateLimitedError",
  "RequestRejectedError",
  "Sandbox",
  "UnavailableError",
  "ValidationError",
  "Verdict",
  "Verification",
  "isCxoneError",
  "version",
];

test("require_and_import_give_the_same_objects_under_the_documented_names", () => {
  const required = createRequire(import.meta.url)("cxone-actions");
  const plain = (module) =>
    Object.keys(module).filter((name) => !["default", "module.exports", "__esModule"].includes(name));
  assert.deepEqual(plain(imported).sort(), NAMES);
  assert.deepEqual(plain(required).sort(), NAMES);
  for (const name of NAMES) assert.equal(imported[name], required[name], name);
});

test("nothing_but_the_entry_can_be_imported", async () => {
  await assert.rejects(import("cxone-actions/bindings-node/dist/native.js"), {
    code: "ERR_PACKAGE_PATH_NOT_EXPORTED",
  });
});

test("loading_prints_nothing_and_keeps_nothing_alive", async () => {
  for (const program of ['require("cxone-actions")', 'import("cxone-actions")']) {
    const { code, stdout, stderr } = await node(["-e", program]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  }
});

test("the_version_is_the_packages_own", () => {
  assert.equal(imported.version, createRequire(import.meta.url)("cxone-actions/package.json").version);
});
