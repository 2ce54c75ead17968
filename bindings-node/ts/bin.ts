#!/usr/bin/env node
/** The command line: the same program that cargo and pip install. */
import { native } from "./native";

process.exitCode = native.main(process.argv.slice(2));
