// GraphQL: documents against GitHub's schema, answers against the types they select.

import { readFileSync } from 'node:fs';
import * as g from 'graphql';
import { schema as github } from '@octokit/graphql-schema';

export function graphql(calls, documents, report, violation) {
  if (calls.length === 0 && documents.length === 0) return;
  const schema = g.buildSchema(github.idl, { assumeValid: true });
  for (const file of documents) {
    const name = `document ${file.split('/').pop()}`;
    report.used.add(name);
    checkDocument(schema, readFileSync(file, 'utf8'), name, violation);
    report.validated.add(name);
  }
  for (const { call, request, response } of calls) {
    if (call.status >= 500 && call.status !== 501) continue;
    report.used.add(call.operation);
    const document = checkDocument(schema, request?.query ?? '', call.operation, violation);
    if (document && call.status === 200) {
      const context = { schema, document, call, request, violation, errors: response.errors ?? [] };
      checkAnswer(context, response);
    }
    report.validated.add(call.operation);
  }
}

function checkDocument(schema, text, name, violation) {
  try {
    const document = g.parse(text);
    const errors = g.validate(schema, document);
    for (const error of errors) violation(name, `document: ${error.message}`, text.slice(0, 200));
    return errors.length === 0 ? document : undefined;
  } catch (error) {
    violation(name, `document: ${error.message}`, text.slice(0, 200));
    return undefined;
  }
}

function checkAnswer(context, response) {
  const { schema, document, call, request, violation } = context;
  const operation = g.getOperationAST(document, request.operationName);
  const definitions = operation.variableDefinitions ?? [];
  const { errors, coerced } = g.getVariableValues(schema, definitions, request.variables ?? {});
  for (const error of errors ?? []) violation(call.operation, `variables: ${error.message}`, '');
  if (response.data === undefined) {
    violation(call.operation, 'answer has no data', JSON.stringify(response).slice(0, 200));
    return;
  }
  context.variables = coerced ?? {};
  const root = schema.getRootType(operation.operation);
  checkObject(context, root, [operation.selectionSet], response.data, []);
}

function checkObject(context, type, sets, value, path) {
  const concrete = concreteType(context, type, value);
  const fields = new Map();
  for (const set of sets) collect(context, concrete, set, fields);
  const isKnown = g.isObjectType(concrete);
  for (const [key, nodes] of fields) {
    if (!(key in value)) {
      report(context, [...path, key], 'is missing', value);
      continue;
    }
    const name = nodes[0].name.value;
    const field = name === '__typename'
      ? { type: new g.GraphQLNonNull(g.GraphQLString) }
      : concrete.getFields()[name];
    const inner = nodes.map((node) => node.selectionSet).filter(Boolean);
    checkValue(context, field.type, inner, value[key], [...path, key]);
  }
  for (const key of isKnown ? Object.keys(value) : []) {
    if (!fields.has(key)) report(context, [...path, key], 'was not selected', value);
  }
}

function checkValue(context, type, sets, value, path) {
  if (g.isNonNullType(type)) {
    const isExplained = context.errors.some((error) => error.path?.join('/') === path.join('/'));
    if (value === null && !isExplained) report(context, path, 'is null', value);
    if (value !== null) checkValue(context, type.ofType, sets, value, path);
  } else if (value === null) {
    return;
  } else if (g.isListType(type)) {
    if (!Array.isArray(value)) return report(context, path, 'is no list', value);
    value.forEach((item, nth) => checkValue(context, type.ofType, sets, item, [...path, nth]));
  } else if (g.isEnumType(type)) {
    if (!type.getValue(value)) report(context, path, `is no ${type.name}`, value);
  } else if (g.isScalarType(type)) {
    if (!(SCALARS[type.name] ?? (() => false))(value)) report(context, path, `is no ${type.name}`, value);
  } else if (typeof value !== 'object') {
    report(context, path, 'is no object', value);
  } else {
    checkObject(context, type, sets, value, path);
  }
}

const isText = (value) => typeof value === 'string';
const SCALARS = {
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31,
  BigInt: (value) => isText(value) && /^\d+$/.test(value),
  String: isText,
  ID: isText,
  URI: (value) => isText(value) && URL.canParse(value),
  DateTime: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value),
  GitObjectID: (value) => isText(value) && /^[0-9a-f]{40}$/.test(value),
};

/** An abstract type is made concrete by the `__typename` that the answer gives, if it does. */
function concreteType({ schema }, type, value) {
  if (g.isObjectType(type) || value.__typename === undefined) return type;
  return schema.getType(value.__typename) ?? type;
}

function collect(context, type, set, fields) {
  for (const selection of set.selections) {
    if (!g.isObjectType(type) && selection.kind !== 'Field' && conditionOf(context, selection) !== type.name) continue;
    if (!isIncluded(context, selection)) continue;
    if (selection.kind === 'Field') {
      const key = (selection.alias ?? selection.name).value;
      fields.set(key, [...(fields.get(key) ?? []), selection]);
      continue;
    }
    const condition = conditionOf(context, selection);
    if (condition && !fits(context.schema, type, condition)) continue;
    collect(context, type, bodyOf(context, selection).selectionSet, fields);
  }
}

function bodyOf({ document }, selection) {
  if (selection.kind === 'InlineFragment') return selection;
  return document.definitions.find((definition) =>
    definition.kind === 'FragmentDefinition' && definition.name.value === selection.name.value);
}

function conditionOf(context, selection) {
  return bodyOf(context, selection).typeCondition?.name.value;
}

function fits(schema, type, condition) {
  const other = schema.getType(condition);
  return type.name === condition || (g.isAbstractType(other) && g.isObjectType(type) && schema.isSubType(other, type));
}

function isIncluded({ variables }, selection) {
  const skip = g.getDirectiveValues(g.GraphQLSkipDirective, selection, variables);
  const include = g.getDirectiveValues(g.GraphQLIncludeDirective, selection, variables);
  return skip?.if !== true && include?.if !== false;
}

function report({ call, violation }, path, what, value) {
  const where = path.map((part) => (typeof part === 'number' ? '*' : part)).join('/');
  violation(call.operation, `answer/${where} ${what}`, JSON.stringify(value)?.slice(0, 200));
}
