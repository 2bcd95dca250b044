# The sources of `waybill simulate`, relative to src/app.  They need waybill::http (its
# parsing part is enough), waybill::dialects, zlib, nlohmann_json and CLI11, and process_setup.cpp beside them.
set(WAYBILL_SIMULATOR_SOURCES
  simulator/access.cpp simulator/bedrock_request.cpp simulator/bedrock_writer.cpp simulator/chat.cpp
  simulator/cohere_writer.cpp simulator/connection.cpp simulator/conversation.cpp simulator/dialect_errors.cpp
  simulator/dialect_replies.cpp simulator/dialect_requests.cpp simulator/dialect_routes.cpp simulator/embedding.cpp
  simulator/engine.cpp simulator/event_stream.cpp simulator/options.cpp simulator/replacement.cpp
  simulator/schema_answer.cpp simulator/script.cpp
  simulator/simulate_command.cpp simulator/simulator.cpp simulator/wording.cpp)
