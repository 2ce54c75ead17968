// `tests/vectors/faults.json` from Node: what a gateway does to a connection, and what becomes of the call.
import { test } from "node:test";
import { everyCase } from "./cases.mjs";
import { FaultGateway } from "./fault-gateway.mjs";

test("every_fault_is_survived_as_its_case_promises", () =>
  everyCase("faults.json", 90, (_, { gateway, script, always }) =>
    FaultGateway.start({ gateway, script, always }),
  ));
