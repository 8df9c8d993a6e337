"""The encoder as an ONNX graph with 8-bit arithmetic."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from providers.embedding.weights import Floats, PackedModel

FUSED = "com.microsoft"
"""The domain of ONNX Runtime's fused operators."""

WEIGHT_STEPS = 63
"""Weights take 7 of 8 bits: the sum of two 8-bit products overflows on AVX2 without VNNI."""


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(
        self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any
    ) -> str:
        self.nodes.append(
            helper.make_node(operator, inputs, list(outputs), domain=domain, **attributes)
        )
        return outputs[0]

    def quantized(self, name: str, weights: Floats) -> list[str]:
        """Steps, scale and zero point of an (in, out) matrix, symmetric per output channel."""
        scale = np.abs(weights).max(axis=0) / WEIGHT_STEPS
        return [
            self.constant(name, np.rint(weights / scale).astype(np.int8)),
            self.constant(f"{name}.scale", scale),
            self.constant(f"{name}.zero", np.zeros(scale.shape, np.int8)),
        ]


def build_graph(model: PackedModel) -> ModelProto:
    """BERT (Devlin et al., 2019) from word embeddings on: the vocabulary table stays outside.

    Inputs: `inputs_embeds` float (batch, length, hidden), `attention_mask` int64 (batch, length).
    Output: `last_hidden_state` float (batch, length, hidden).
    """
    graph = _Graph()

    def vector(name: str) -> str:
        return graph.constant(name, model.vector(name))

    def product(x: str, name: str, *bias: str) -> str:
        weights = graph.quantized(f"{name}.w", model.matrix(f"{name}.w").T)
        return graph.node("DynamicQuantizeMatMul", [x, *weights, *bias], name, domain=FUSED)

    def add_and_norm(x: str, residual: str, norm: str, output: str) -> str:
        return graph.node(
            "SkipLayerNormalization",
            [x, residual, vector(f"{norm}.w"), vector(f"{norm}.b")],
            output,
            domain=FUSED,
            epsilon=model.epsilon,
        )

    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
    # Every token is of type 0, so that type is part of each position.
    positions = model.vector("emb.pos").reshape(-1, model.hidden)
    positions = positions + model.vector("emb.type")[: model.hidden]
    length = graph.node("Shape", ["inputs_embeds"], "length", start=1, end=2)
    axis = graph.constant("one", np.array([1]))
    start = graph.constant("zero", np.array([0]))
    steps = [graph.constant("emb.pos", positions[None]), start, length, axis]
    x = graph.node("Add", ["inputs_embeds", graph.node("Slice", steps, "positions")], "embeds")
    x = graph.node(
        "LayerNormalization",
        [x, vector("emb.ln.w"), vector("emb.ln.b")],
        "x",
        epsilon=model.epsilon,
    )

    for i in range(model.layers):
        layer = f"l{i}"
        # One product for query, key and value, fused with the attention itself.
        qkv = np.concatenate([model.matrix(f"{layer}.{part}.w") for part in "qkv"])
        bias = np.concatenate([model.vector(f"{layer}.{part}.b") for part in "qkv"])
        weights, scale, zero = graph.quantized(f"{layer}.qkv.w", qkv.T)
        x8, x_scale, x_zero = f"{layer}.x8", f"{layer}.x8.scale", f"{layer}.x8.zero"
        graph.node("DynamicQuantizeLinear", [x], x8, x_scale, x_zero)
        bias_name = graph.constant(f"{layer}.qkv.b", bias)
        attended = graph.node(
            "QAttention",
            [x8, weights, bias_name, x_scale, scale, mask, x_zero, zero],
            f"{layer}.attention",
            domain=FUSED,
            num_heads=model.heads,
        )
        projected = product(attended, f"{layer}.ao", vector(f"{layer}.ao.b"))
        x = add_and_norm(projected, x, f"{layer}.aln", f"{layer}.y")

        inner = product(x, f"{layer}.fi")
        inner = graph.node("BiasGelu", [inner, vector(f"{layer}.fi.b")], f"{layer}.g", domain=FUSED)
        outer = product(inner, f"{layer}.fo", vector(f"{layer}.fo.b"))
        output = "last_hidden_state" if i == model.layers - 1 else f"{layer}.x"
        x = add_and_norm(outer, x, f"{layer}.oln", output)

    embeds_shape: list[str | int | None] = ["batch", "length", model.hidden]
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "multilingual-e5-small",
            [
                helper.make_tensor_value_info("inputs_embeds", TensorProto.FLOAT, embeds_shape),
                helper.make_tensor_value_info(
                    "attention_mask", TensorProto.INT64, embeds_shape[:2]
                ),
            ],
            [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, embeds_shape)],
            graph.constants,
        ),
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)],
    )
