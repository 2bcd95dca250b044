# The sources of `waybill simulate`, relative to src/app.  They need waybill::http (its
# parsing part is enough), nlohmann_json and CLI11, and process_setup.cpp beside them.
set(WAYBILL_SIMULATOR_SOURCES
  simulator/chat.cpp simulator/connection.cpp simulator/conversation.cpp simulator/embedding.cpp
  simulator/engine.cpp simulator/options.cpp simulator/schema_answer.cpp simulator/script.cpp
  simulator/simulate_command.cpp simulator/simulator.cpp simulator/wording.cpp)
