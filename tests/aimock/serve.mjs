// A model server that makes the calls of a file, one after the other: node serve.mjs CALLS.json
// It writes its address in a line, and ends when its standard input does.
import { readFileSync } from "node:fs";
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0 });
const calls = JSON.parse(readFileSync(process.argv[2], "utf8"));
calls.forEach(([name, args], turnIndex) => {
  mock.on({ turnIndex }, { toolCalls: [{ name, arguments: args }] });
});
await mock.start();
console.log(mock.url);
process.stdin.resume().on("end", () => process.exit(0));
