#!/usr/bin/env node
/** The command line: the same program that cargo and pip install. */
import { native } from "./native";

// Node's own handlers raise their signal anew and count on being reset by then, which they are not where a command
// that serves has put its handler before them. A listener that goes leaves the operating system's default behind.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  const none = () => {};
  process.on(signal, none).off(signal, none);
}

process.exitCode = native.main(process.argv.slice(2));
