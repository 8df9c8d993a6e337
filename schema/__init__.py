"""The contract: types, inputs, unions and scalars, without what fields do."""
