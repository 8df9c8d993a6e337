"""Bodies of results, as the specification words them."""

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from server.results import is_request_error, result_body


def test_data_without_errors_stands_alone() -> None:
    assert result_body(ExecutionResult({"me": None}, None)) == {"data": {"me": None}}


def test_errors_of_fields_stand_beside_data() -> None:
    error = GraphQLError("gone", path=["me", "email"])
    result = ExecutionResult({"me": None}, [error])
    assert result_body(result) == {
        "errors": [{"message": "gone", "path": ["me", "email"]}],
        "data": {"me": None},
    }
    assert not is_request_error(result)


def test_what_never_ran_has_no_data() -> None:
    result = ExecutionResult(None, [GraphQLError("unknown field")])
    assert result_body(result) == {"errors": [{"message": "unknown field"}]}
    assert is_request_error(result)


def test_an_error_that_took_everything_with_it_leaves_null() -> None:
    """A root field that may not be null: it ran, so `data` is there."""
    result = ExecutionResult(None, [GraphQLError("gone", path=["search"])])
    assert result_body(result)["data"] is None


def test_extensions_are_passed_on() -> None:
    result = ExecutionResult({"me": None}, None, extensions={"cost": 3})
    assert result_body(result)["extensions"] == {"cost": 3}
