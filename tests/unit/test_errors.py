"""Each error of the domain and its type in the schema tell the same."""

import dataclasses

from core import errors
from schema import errors as members

CLASSES = {
    name: class_
    for name, class_ in vars(errors).items()
    if isinstance(class_, type) and issubclass(class_, errors.DomainError)
}
MEMBERS = {
    name: class_
    for name, class_ in vars(members).items()
    if isinstance(class_, type) and issubclass(class_, members.Error) and class_ != members.Error
}


def test_members_tell_what_errors_show() -> None:
    assert MEMBERS.keys() <= CLASSES.keys()
    for name, member in MEMBERS.items():
        fields = {field.name for field in dataclasses.fields(member)}
        assert fields == {"code", "message", *CLASSES[name].shown}
