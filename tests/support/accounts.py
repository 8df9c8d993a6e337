"""Accounts, made as clients make them."""

from cli.client import Client
from core.ids import new_id

REGISTER = """
mutation ($input: RegisterInput!) { register(input: $input) { ... on Session { accessToken } } }
"""


async def register(client: Client) -> None:
    """Give the client an account of its own."""
    account = {"email": f"{new_id().hex}@example.org", "password": "oil it before it asks"}
    registered = await client.execute(REGISTER, input=account)
    client.access_token = registered["register"]["accessToken"]
