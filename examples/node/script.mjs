// One case from a shell: what came of it goes to stdout, and the exit code says whether it may be called again.
//
//     node script.mjs CUST-998877 ORD-2023-1122
//
// CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET say which gateway it is.
import { Client, isCxoneError } from "cxone-actions";

const CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/** By whether it was executed: call it again, look before anybody does, do not. */
const EXIT_CODES = { no: 75, unknown: 70, yes: 1 };

const [customerId = "", orderReference = ""] = process.argv.slice(2);
const client = new Client();
try {
  const result = await client.run(
    { actionId: CREATE_CASE, inputs: { customerId, orderReference, priority: 1 } },
    { timeoutMs: 30_000 },
  );
  const { outputs } = result.throwIfFailed();
  console.log(`${outputs.caseId} is in the queue ${outputs.queue}`);
} catch (error) {
  if (!isCxoneError(error)) throw error;
  console.error(`${error.message}${error.hint ? `; ${error.hint}` : ""}`);
  process.exitCode = EXIT_CODES[error.executed];
} finally {
  await client.close();
}
