"""Parsing and validation of GraphQL documents, cached by their text."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from server.errors import PARSE_FAILED, VALIDATION_FAILED, coded
from server.limits import MAX_QUERY_CHARACTERS, MAX_TOKENS, QueryLimits, too_expensive

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
RULES_WITHOUT_INTROSPECTION = (*RULES, NoSchemaIntrospectionCustomRule)

CACHED_DOCUMENTS = 256
"""Number of cached documents; clients send some dozens, the largest takes about 300 KiB."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document and the errors, all with codes, that keep it from running."""

    ast: DocumentNode
    errors: list[GraphQLError]

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of that name; None if there is none, or several and no name is given."""
        return get_operation_ast(self.ast, name)

    def root_fields(self, operation: OperationDefinitionNode) -> Iterator[str]:
        """Names of the root fields of a valid operation, those in fragments too."""
        fragments = {
            definition.name.value: definition
            for definition in self.ast.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

        def names(selections: SelectionSetNode) -> Iterator[str]:
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    yield node.name.value
                elif isinstance(node, InlineFragmentNode):
                    yield from names(node.selection_set)
                elif isinstance(node, FragmentSpreadNode):
                    yield from names(fragments[node.name.value].selection_set)

        return names(operation.selection_set)


def load(schema: GraphQLSchema, text: str, *, introspection: bool = True) -> Document:
    """Raises `GraphQLError` when the text cannot be parsed."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise too_expensive(f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    return _load(schema, text, introspection)


@lru_cache(maxsize=CACHED_DOCUMENTS)
def _load(schema: GraphQLSchema, text: str, introspection: bool) -> Document:
    try:
        ast = parse(text, max_lexical_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise coded(error, PARSE_FAILED, suggestions=introspection) from None
    rules = RULES if introspection else RULES_WITHOUT_INTROSPECTION
    # Some of the specification's rules are slow on documents that the limits refuse.
    errors = validate(schema, ast, [QueryLimits]) or validate(
        schema, ast, rules, hide_suggestions=not introspection
    )
    return Document(
        ast, [coded(error, VALIDATION_FAILED, suggestions=introspection) for error in errors]
    )


class CachedDocuments(SchemaExtension):
    """Gives Strawberry the cached document in place of parsing and validating it again."""

    def __init__(self, *, introspection: bool = True) -> None:
        self._introspection = introspection

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        assert context.query is not None
        self._document = load(
            context.schema._schema, context.query, introspection=self._introspection
        )
        context.graphql_document = self._document.ast
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._document.errors
        yield
