"""Where a recorded answer read in another dialect says something else, and why that is right."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    ingress: str  # what the client speaks; "*" for any
    recording: str  # a glob
    fact: str  # text, reasoning, tool_calls, finish, usage, ...; "expected.text": of expected.json
    reason: str


CONTRADICTORY = "the counts contradict each other, so a part is cut down to its whole"
NOBODY_COUNTED = "nobody counted, so Waybill estimates"
NOT_SAID = "the provider does not say why it ended, and clients must be told something"
CUT_OFF = "arguments that were cut off are no object, so they are wrapped as {raw_arguments: ...}"
BUILT_IN = "a call of a tool that is built into the provider, which only its own dialect has a word for"
IN_A_ROW = "the fixture is many answers in a row, which the SDK joins; one request has one answer"

KNOWN: list[Known] = [
    # Usage.
    Known("*", "azure-foundry/chat*grok-4-1-fast-non-reasoning-can-use-*", "usage", CONTRADICTORY),
    Known("*", "openrouter/chat--open-router-enhanced--smart-complete-with-schema--3", "usage", CONTRADICTORY),
    Known("*", "vercel-gateway/chat--fantasy--*-gemini-2-5-flash-multi-tool--1", "usage", CONTRADICTORY),
    Known("*", "openai/chat-stream--openllmetry--*-tools-streaming-parallel--2", "usage", NOBODY_COUNTED),
    Known("*", "vllm/chat-stream--openllmetry--test-trace-propagation-stream-chatopenai", "usage", NOBODY_COUNTED),
    Known("*", "bedrock/converse--openinference--should-handle-empty-minimal-response", "usage", NOBODY_COUNTED),
    # How it ended.
    Known("anthropic_messages", "snowflake/chat--pydantic-ai--test-snowflake-native-output", "finish", NOT_SAID),
    Known("openai_responses", "snowflake/chat--pydantic-ai--test-snowflake-native-output", "finish", NOT_SAID),
    Known("gemini", "snowflake/chat--pydantic-ai--test-snowflake-native-output", "finish", NOT_SAID),
    Known("ollama_chat", "snowflake/chat--pydantic-ai--test-snowflake-native-output", "finish", NOT_SAID),
    # Tool calls.
    Known("anthropic_messages", "mistral/chat--rig--blocking-mistral-small-mid-agent", "tool_calls", CUT_OFF),
    Known("gemini", "mistral/chat--rig--blocking-mistral-small-mid-agent", "tool_calls", CUT_OFF),
    Known("gemini", "openai/responses-stream--rig--incomplete-mid-tool-call", "tool_calls", CUT_OFF),
    Known("gemini", "deepseek/chat-stream--rig--streaming-parallel-calls-keep-the-complete-one", "tool_calls", CUT_OFF),
    Known("ollama_chat", "mistral/chat--rig--blocking-mistral-small-mid-agent", "tool_calls", CUT_OFF),
    Known("ollama_chat", "openai/responses-stream--rig--incomplete-mid-tool-call", "tool_calls", CUT_OFF),
    Known("ollama_chat", "deepseek/chat-stream--rig--streaming-parallel-calls-keep-the-*", "tool_calls", CUT_OFF),
    # expected.json.
    Known("openai_chat", "openai/responses--vercel-ai--openai-apply-patch-tool-1", "expected.tool_calls", BUILT_IN),
    Known("openai_chat", "anthropic/messages-stream--vercel-ai--*-programmatic-*", "expected.*", IN_A_ROW),
]
