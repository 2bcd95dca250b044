set(WAYBILL_HTTP_PARSING_SOURCES
  body.cpp content_decoder.cpp fields.cpp head_check.cpp head_end.cpp message.cpp path.cpp
  request_head.cpp response_head.cpp sse_parser.cpp)
