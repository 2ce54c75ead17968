// `tests/vectors/exchanges.json` and `profiles.json` from Node: what a gateway answers, and what becomes of the call.
import { test } from "node:test";
import { Sandbox } from "cxone-actions";
import { everyCase, inNode } from "./cases.mjs";

function open(defaults, { sandbox: own, inject = [] }) {
  const sandbox = new Sandbox(inNode({ ...defaults.sandbox, ...own }));
  for (const { point, fault, times = 1 } of inject) sandbox.inject(point, fault, times);
  return sandbox;
}

test("every_exchange_gives_what_its_case_promises", () => everyCase("exchanges.json", 100, open));

test("every_profile_gives_what_its_cases_promise", () => everyCase("profiles.json", 40, open));
