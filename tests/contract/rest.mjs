// REST: requests and answers against GitHub's OpenAPI description.

import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

// Read as a file: the package's entry point loads the descriptions of every GitHub there is.
const description =
  new URL('node_modules/@octokit/openapi/generated/api.github.com.json', import.meta.url);

export function rest(calls, report, violation) {
  if (calls.length === 0) return;
  const api = JSON.parse(readFileSync(description, 'utf8'));
  const ajv = schemas(api);
  for (const line of calls) {
    const { call, request, response } = line;
    // Faults on demand are no answers of GitHub's.
    if (call.status >= 500 && call.status !== 501) continue;
    report.used.add(call.operation);
    const path = call.path.replace(/^\/api\/v3/, '');
    const template = found(api, call.method, path);
    const operation = template && api.paths[template][call.method.toLowerCase()];
    if (!operation) {
      violation(call.operation, 'is no operation of GitHub', `${call.method} ${call.path}`);
      continue;
    }
    if (`${call.method} ${template}` !== call.operation) {
      violation(call.operation, `is called ${call.method} ${template} by GitHub`, call.path);
    }
    const context = { api, ajv, call, violation, at: ['paths', template, call.method.toLowerCase()] };
    // What was refused need not be a valid request; what was taken has to be one.
    if (call.status < 400) {
      checkQuery(context, operation, line.query);
      checkBody(context, operation, request);
    }
    checkAnswer(context, operation, response);
    report.validated.add(call.operation);
  }
}

/** The longest template of `path` with the fewest parameters; a ref at its end may have slashes. */
function found(api, method, path) {
  const segments = path.split('/');
  const parameters = (template) => template.split('{').length;
  return Object.keys(api.paths)
    .filter((template) => api.paths[template][method.toLowerCase()])
    .filter((template) => {
      const own = template.split('/');
      const hasLength = own.at(-1) === '{ref}' ? own.length <= segments.length : own.length === segments.length;
      return hasLength &&
        own.every((part, nth) => part.startsWith('{') || part === segments[nth]);
    })
    .sort((a, b) => b.split('/').length - a.split('/').length || parameters(a) - parameters(b))[0];
}

function checkQuery({ api, call, violation }, operation, query) {
  const described = (operation.parameters ?? [])
    .map((parameter) => resolved(api, parameter))
    .filter((parameter) => parameter.in === 'query');
  const sent = new URLSearchParams(query);
  for (const [name, value] of sent) {
    const parameter = described.find((known) => known.name === name);
    if (!parameter) {
      violation(call.operation, `query ${name} is unknown`, query);
      continue;
    }
    const schema = resolved(api, parameter.schema);
    if (schema.enum && !schema.enum.includes(value)) {
      violation(call.operation, `query ${name} is not one of ${schema.enum}`, query);
    }
    if (schema.type === 'integer' && !/^-?\d+$/.test(value)) {
      violation(call.operation, `query ${name} is no integer`, query);
    }
  }
  for (const parameter of described) {
    if (parameter.required && !sent.has(parameter.name)) {
      violation(call.operation, `query ${parameter.name} is missing`, query);
    }
  }
}

function checkBody(context, operation, body) {
  const { api, call, violation, at } = context;
  const content = operation.requestBody && resolved(api, operation.requestBody);
  const schema = content?.content['application/json']?.schema;
  if (!schema) {
    // `{}` is what clients send for nothing.
    const isEmpty = body === null || Object.keys(body).length === 0;
    if (!isEmpty) violation(call.operation, 'request has a body', JSON.stringify(body));
    return;
  }
  if (body === null) {
    if (content.required) violation(call.operation, 'request has no body', '');
    return;
  }
  const pointer = [...at, 'requestBody', 'content', 'application/json', 'schema'];
  checkSchema(context, 'request', pointer, body);
  // The description allows other fields; a misspelt one would be ignored by GitHub in silence.
  const known = properties(api, schema);
  for (const name of Object.keys(body)) {
    if (!known.has(name)) violation(call.operation, `request/${name} is unknown`, JSON.stringify(body));
  }
}

function checkAnswer(context, operation, body) {
  const { api, call, violation, at } = context;
  const described = operation.responses[call.status];
  if (!described) {
    // Many operations leave out the errors that all have in common.
    if (![401, 403, 404].includes(call.status)) {
      violation(call.operation, `status ${call.status} is not described`, JSON.stringify(body));
    }
    checkSchema(context, `answer ${call.status}`, ['components', 'schemas', 'basic-error'], body);
    return;
  }
  const response = resolved(api, described);
  const types = Object.keys(response.content ?? {}).filter((type) => type.endsWith('json'));
  if (types.length === 0) {
    if (body !== null) violation(call.operation, `answer ${call.status} has a body`, JSON.stringify(body));
    return;
  }
  const from = described.$ref ? pointerOf(described.$ref) : [...at, 'responses', String(call.status)];
  checkSchema(context, `answer ${call.status}`, [...from, 'content', types[0], 'schema'], body);
}

function checkSchema({ ajv, call, violation }, what, pointer, value) {
  const encoded = pointer
    .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/');
  const validate = ajv.getSchema(`github#/${encoded}`);
  if (validate(value)) return;
  for (const error of validate.errors) {
    const at = error.instancePath.replace(/\/\d+/g, '/*');
    const detail = error.params.missingProperty ?? error.params.format ?? '';
    violation(call.operation, `${what}${at} ${error.keyword} ${detail}`.trim(),
      `${error.message}: ${JSON.stringify(valueAt(value, error.instancePath))?.slice(0, 200)}`);
  }
}

function schemas(api) {
  tolerateNullable(api);
  const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false, logger: false });
  addFormats(ajv);
  // OpenAPI knows formats that say nothing about the text.
  for (const name of ['int64', 'repo.nwo', 'ssh-key', 'password', 'timestamp', 'ipv6/cidr']) {
    if (!ajv.formats[name]) ajv.addFormat(name, true);
  }
  ajv.addSchema(api, 'github');
  return ajv;
}

/** `nullable` without `type` is legal in OpenAPI 3.0 and an error to ajv. */
function tolerateNullable(node) {
  if (node === null || typeof node !== 'object') return;
  if (node.nullable === true && node.type === undefined) {
    const { nullable, ...rest } = node;
    for (const key of Object.keys(node)) delete node[key];
    node.anyOf = [rest, { type: 'null' }];
  }
  // The enumeration of something nullable has to name null for a JSON Schema validator.
  if (node.nullable === true && Array.isArray(node.enum) && !node.enum.includes(null)) node.enum.push(null);
  for (const value of Object.values(node)) tolerateNullable(value);
}

function properties(api, schema) {
  const own = resolved(api, schema);
  const parts = [...(own.allOf ?? []), ...(own.anyOf ?? []), ...(own.oneOf ?? [])];
  return new Set([...Object.keys(own.properties ?? {}),
    ...parts.flatMap((part) => [...properties(api, part)])]);
}

function resolved(api, node) {
  return node.$ref ? resolved(api, pointerOf(node.$ref).reduce((at, part) => at[part], api)) : node;
}

function pointerOf(ref) {
  return ref.slice(2).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(value, pointer) {
  return pointer.split('/').slice(1).reduce((at, part) => at?.[part], value);
}
