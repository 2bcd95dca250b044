// Every fault with its place and its words.

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/config/fault.hpp"

#include "fake_inputs.hpp"

namespace waybill::config {
namespace {

struct Case {
  std::string_view name;
  std::string settings;
  std::string expected;  // as printed; "" for none

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

class FaultTable : public testing::TestWithParam<Case> {};

TEST_P(FaultTable, IsPrinted) {
  FakeInputs inputs;
  inputs.variables = {{"HOST", "p.test"}, {"EMPTY", ""}, {"SECRET", "sk-from-environment"}};
  inputs.files["token"] = "sk-from-file\n";
  inputs.open_to_all["shared-token"] = "sk-from-file\n";
  const Loaded loaded = inputs.load_main(GetParam().settings);
  EXPECT_EQ(render(loaded.faults), GetParam().expected);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}

std::string commas(std::size_t count) {
  std::string out = "include: [\n";
  for (std::size_t i = 0; i < count; ++i) {
    out += i % 1'000 == 0 ? "~,\n" : "~,";
  }
  return out + "]\n";
}

const std::vector<Case> kSyntax{
    {"F2_empty_file", "",
     "w.yaml:1:1  the file is empty\n            config/example.yaml shows what it may hold\n"},
    {"F2_only_a_comment", "# nothing\n",
     "w.yaml:1:1  the file is empty\n            config/example.yaml shows what it may hold\n"},
    {"F2_scalar", "hello\n",
     "w.yaml:1:1  settings are a map of members such as listen, providers and models\n"},
    {"F2_list", "- a\n",
     "w.yaml:1:1  settings are a map of members such as listen, providers and models\n"},
    {"F2_two_documents", "workers: 1\n---\nworkers: 2\n",
     "w.yaml:2:1  a second document begins here\n            a settings file is one document\n"},
    {"F2_tab", "limits:\n\tmax_fields: 9\n",
     "w.yaml:2:1  a tab in the indentation\n            YAML is indented by spaces only\n"},
    {"F2_nul", std::string("a: \0\n", 5),
     "w.yaml:1:4  a control character (byte 0)\n            remove it\n"},
    {"F2_not_utf8", "workers: 1\na: \xff\n",
     "w.yaml:2:1  the line is not valid UTF-8\n            save the file as UTF-8\n"},
    {"F2_byte_order_mark_is_skipped", "\xEF\xBB\xBFworkers: 1\n", ""},
    {"F2_duplicate_key", "workers: 1\nlimits: {}\nworkers: 2\n",
     "w.yaml:3:1  the key 'workers' is given twice, first in line 1\n            keep one of "
     "them\n"},
    {"F2_broken_flow", "listen: [ {port: 1 ]\n", "w.yaml:1:20  not valid YAML: illegal flow end\n"},
    {"F1_long_line", "a: " + std::string(70000, 'x') + "\n",
     "w.yaml:1:1  the line is longer than 64 KiB\n            break it\n"},
    {"F1_too_many_values", commas(300'001),
     "w.yaml:1:1  the file has more than 300000 values\n            split it, and name the parts "
     "in include\n"},
    {"F1_large_file", std::string(2200000, '#'),
     "w.yaml:1:1  cannot read the file 'w.yaml': it is too large\n"},
    {"F1_anchor", "workers: &a 1\n",
     "w.yaml:1:10  anchors (&name) are not supported in settings\n             write the value "
     "out\n"},
    {"F1_self_alias", "a: &a [*a]\n",
     "w.yaml:1:4  anchors (&name) are not supported in settings\n            write the value "
     "out\n"},
    {"F1_tag", "workers: !!str 1\n",
     "w.yaml:1:10  tags (!name) are not supported in settings\n             remove the tag\n"},
    {"F1_merge_key", "limits: { <<: { max_fields: 9 } }\n",
     "w.yaml:1:11  unknown key '<<' in limits\n             merge keys are not supported in "
     "settings; write the members out\n"},
    {"F1_map_as_key", "{ {a: 1}: 2 }\n",
     "w.yaml:1:3  a key must be text\n            quote it if it looks like something else\n"},
};
INSTANTIATE_TEST_SUITE_P(Syntax, FaultTable, testing::ValuesIn(kSyntax), case_name);

const std::vector<Case> kShape{
    {"F2_unknown_key_at_top", "listenn: 0.0.0.0:8080\n",
     "w.yaml:1:1  unknown key 'listenn'\n            did you mean 'listen'?\n"},
    {"F2_unknown_key_without_likeness", "timeout_ms: -1\n",
     "w.yaml:1:1  unknown key 'timeout_ms'\n"},
    {"F2_key_to_come",
     "management: public\ndefaults: { hold_tokens: 100 }\nproviders:\n  p:\n    base_url: "
     "http://127.0.0.1:1\n    quirks: { models_path: /m, refuses_unknown_members: true }\n",
     "w.yaml:1:1  unknown key 'management'\n            it comes with the management API; keys are "
     "made by 'waybill keys'\n"
     "w.yaml:2:13 unknown key 'hold_tokens' in defaults\n            it comes with budgets; this "
     "version holds no money for a request\n"
     "w.yaml:6:15 unknown key 'models_path' in providers.p.quirks\n            it comes with the "
     "fetching of model lists; write the models out\n"
     "w.yaml:6:32 unknown key 'refuses_unknown_members' in providers.p.quirks\n            it "
     "comes with the report of what a provider is not sent; until then every member passes\n"},
    {"F2_unknown_nested_key", "limits: { body_byte: 1MiB }\n",
     "w.yaml:1:11  unknown key 'body_byte' in limits\n             did you mean 'body_bytes'?\n"},
    {"F12_verification_cannot_be_turned_off",
     "providers:\n  p: { base_url: \"https://p.test\", insecure: true }\n",
     "w.yaml:2:36  unknown key 'insecure' in providers.p\n             certificates are always "
     "checked; name your own authority with ca_file\n"},
    {"F2_text_for_list", "include: a.yaml\n",
     "w.yaml:1:10  include: this is a single value, not a list\n             write it in brackets, "
     "[ ... ]\n"},
    {"F2_list_for_map", "providers:\n  - { name: a }\n",
     "w.yaml:2:3  providers: this is a list, not a map of members\n"},
    {"F2_map_for_scalar", "workers: { n: 1 }\n",
     "w.yaml:1:10  workers: this is a map, not a single value\n"},
    {"F2_no_value", "workers:\n", "w.yaml:1:1  workers: has no value\n"},
    {"F2_section_left_empty_is_fine", "providers:\nmodels:\nlimits:\n", ""},
    {"F2_number_out_of_range", "listen: [ { port: 70000 } ]\n",
     "w.yaml:1:19  port: '70000' is not between 0 and 65535\n"},
    {"F2_octal", "listen: [ { port: 0o17 } ]\n",
     "w.yaml:1:19  port: '0o17' is not a whole number\n"},
    {"F2_quoted_number", "workers: \"2\"\n",
     "w.yaml:1:10  workers: a value in quotes is text here\n             write 2 without them\n"},
    {"F2_norway_boolean", "logging: { access: on }\n",
     "w.yaml:1:20  logging.access: 'on' is not true or false\n"},
    {"F2_norway_text", "providers:\n  p: { base_url: \"https://p.test\", display_name: NO }\n",
     "w.yaml:2:50  display_name: 'NO' without quotes is a truth value to many YAML readers\n       "
     "      write \"NO\"\n"},
    {"F2_norway_quoted_is_text",
     "providers:\n  p: { base_url: \"https://p.test\", display_name: \"NO\" }\n", ""},
    {"F2_choice", "logging: { level: inf }\n",
     "w.yaml:1:19  logging.level: 'inf' is not trace, debug, info, warn or error\n             did "
     "you mean 'info'?\n"},
    {"F2_name", "models:\n  \"a b\": { endpoints: [] }\n",
     "w.yaml:2:3  'a b' is not a name\n            use letters, digits and . _ : / @ + - (at most "
     "128)\nw.yaml:2:23 endpoints: an empty list\n            write at least one\n"},
    {"F4_no_request_would_find_room", "limits: { all_body_bytes: 1MiB }\n",
     "w.yaml:1:27  limits.all_body_bytes: less than limits.body_bytes, so that one request may "
     "never find room\n             raise it, or lower limits.body_bytes\n"},
    {"F4_negative_duration", "limits: { idle_timeout: -1s }\n",
     "w.yaml:1:25  limits.idle_timeout: '-1s' is not a duration (write it like 200ms, 5s, 15m, 1h "
     "or 30d)\n"},
    {"F4_duration_overflow", "limits: { idle_timeout: 99999999999999999999s }\n",
     "w.yaml:1:25  limits.idle_timeout: '99999999999999999999s' is longer than 3650d\n"},
    {"F4_zero_limit", "defaults: { timeouts: { total: 0s } }\n",
     "w.yaml:1:32  defaults.timeouts.total: '0s' is not between 1 and 86400000 ms\n"},
    {"F4_size_too_large", "limits: { body_bytes: 2GiB }\n",
     "w.yaml:1:23  limits.body_bytes: '2GiB' is not between 1 and 1073741824 bytes\n"},
    {"F3_two_listeners_on_one_port",
     "listen:\n  - { port: 8080 }\nadmin:\n  listen: { port: 8080 }\n",
     "w.yaml:4:11  two listeners on 127.0.0.1 port 8080, the other in line 2\n"},
    {"F3_any_port_twice_is_fine", "listen: [ { port: 0 }, { port: 0 } ]\n", ""},
    {"F3_default_key_in_public", "listen: [ { address: 0.0.0.0, default_key: home } ]\n",
     "w.yaml:1:11  default_key would let everybody in on 0.0.0.0\n             listen on a "
     "loopback, private or Unix address, or remove default_key\n"},
    {"F2_address", "listen: [ { address: example.com } ]\n",
     "w.yaml:1:22  address: 'example.com' is not an IP address (write it like 127.0.0.1 or ::1)\n"},
    {"F2_ledger_scheme", "ledger: { store: \"file:/x\" }\n",
     "w.yaml:1:18  ledger.store: this is not a sqlite:// URL\n             write "
     "sqlite:///absolute/path, or sqlite://path relative to this file\n"},
    {"F4_largest_entry_above_the_hard_limit", "ledger: { largest_entry: 1000000.01 }\n",
     "w.yaml:1:26  ledger.largest_entry: '1000000.01' is not above zero and at most 1000000\n"
     "             write USD, such as 1000\n"},
    {"F4_largest_entry_zero", "ledger: { largest_entry: 0 }\n",
     "w.yaml:1:26  ledger.largest_entry: '0' is not above zero and at most 1000000\n"
     "             write USD, such as 1000\n"},
    {"F4_largest_entry_too_fine", "ledger: { largest_entry: 1.0000000000001 }\n",
     "w.yaml:1:26  ledger.largest_entry: '1.0000000000001' is not above zero and at most 1000000\n"
     "             write USD, such as 1000\n"},
    {"F4_largest_entry_at_the_hard_limit", "ledger: { largest_entry: 1000000 }\n", ""},
    {"F1_checkpoints_unknown_member", "ledger: { checkpoints: { key: a.pem } }\n",
     "w.yaml:1:26  unknown key 'key' in ledger.checkpoints\n"},
};
INSTANTIATE_TEST_SUITE_P(Shape, FaultTable, testing::ValuesIn(kShape), case_name);

const std::vector<Case> kReferences{
    {"F5_missing_variable",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${env:NOPE}\" }\n",
     "w.yaml:2:45  the environment variable NOPE is not set\n             set it, or write the "
     "value here\n"},
    {"F5_variable_inside_text", "providers:\n  p: { base_url: \"https://${env:HOST}/v1\" }\n", ""},
    {"F5_empty_secret",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${env:EMPTY}\" }\n",
     "w.yaml:2:45  api_key: is empty\n"},
    {"F5_not_a_reference",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${SECRET}\" }\n",
     "w.yaml:2:45  '${...}' is not a reference\n             write ${env:NAME} or "
     "${file:/run/secrets/name}, or $${ for the characters themselves\n"},
    {"F5_no_text_stands_in_for_a_secret",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${env:NOPE:-sk-inline}\" }\n",
     "w.yaml:2:45  '${...}' is not a reference\n             write ${env:NAME} or "
     "${file:/run/secrets/name}, or $${ for the characters themselves\n"},
    {"F5_unclosed",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${env:SECRET\" }\n",
     "w.yaml:2:45  a reference without its closing brace\n             write it like "
     "${env:NAME}\n"},
    {"F5_secret_file_missing",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${file:nope}\" }\n",
     "w.yaml:2:45  cannot read the file 'nope': no such file\n"},
    {"F5_secret_file_open_to_all",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${file:shared-token}\" }\n",
     "w.yaml:2:45  the secret file 'shared-token' can be read by every user of this machine\n      "
     "       chmod 600 it\n"},
    {"F5_secret_file",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${file:token}\" }\n", ""},
    {"F5_traversal",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${file:../token}\" }\n",
     "w.yaml:2:45  the path '../token' steps upwards with '..'\n             write the path "
     "without '..'\n"},
    {"F5_include_traversal", "include: [ \"../*.yaml\" ]\n",
     "w.yaml:1:12  include: the pattern '../*.yaml' steps upwards with '..'\n             write an "
     "absolute pattern\n"},
    {"F5_include_of_itself", "include: [ \"w.yaml\" ]\n",
     "w.yaml:1:12  include: 'w.yaml' matches this file itself\n             keep included files in "
     "a folder of their own\n"},
    {"F5_include_of_nothing_is_fine", "include: [ \"none/*.yaml\" ]\n", ""},
    {"L1_a_reference_is_not_shown", "logging: { level: \"${env:SECRET}\" }\n",
     "w.yaml:1:19  logging.level: '${env:SECRET}' is not trace, debug, info, warn or error\n"},
    {"L1_nor_as_a_number", "limits: { idle_timeout: \"${env:SECRET}\" }\n",
     "w.yaml:1:25  limits.idle_timeout: '${env:SECRET}' stands for something that does not fit "
     "here\n"},
};
INSTANTIATE_TEST_SUITE_P(References, FaultTable, testing::ValuesIn(kReferences), case_name);

const std::vector<Case> kProviders{
    {"F12_plain_http_with_a_key_in_a_header",
     "providers:\n  p: { base_url: \"http://p.test\", auth: none, headers: { X-Goog-Api-Key: abc } "
     "}\n",
     "w.yaml:2:18  base_url: the key would travel over plain http to p.test\n             write "
     "https://, or allow_plain_http: true if the network is yours\n"},
    {"F12_plain_http_with_a_referenced_header",
     "providers:\n  p: { base_url: \"http://p.test\", auth: none, headers: { X-Team: "
     "\"${env:SECRET}\" } }\n",
     "w.yaml:2:18  base_url: the key would travel over plain http to p.test\n             write "
     "https://, or allow_plain_http: true if the network is yours\n"},
    {"a_key_given_twice",
     "providers:\n  p: { base_url: \"https://p.test\", api_key: \"${env:SECRET}\", headers: { "
     "authorization: \"${env:SECRET}\" } }\n",
     "w.yaml:2:73  headers: 'authorization' is set from api_key already\n             remove it, "
     "or "
     "write auth: none\n"},
    {"F12_plain_http_with_a_key",
     "providers:\n  p: { base_url: \"http://p.test\", api_key: \"${env:SECRET}\" }\n",
     "w.yaml:2:18  base_url: the key would travel over plain http to p.test\n             write "
     "https://, or allow_plain_http: true if the network is yours\n"},
    {"F12_on_purpose",
     "providers:\n  p: { base_url: \"http://p.test\", api_key: \"${env:SECRET}\", "
     "allow_plain_http: true }\n",
     ""},
    {"F12_this_machine",
     "providers:\n  a: { base_url: \"http://127.0.0.1:1/v1\", api_key: \"${env:SECRET}\" }\n  b: { "
     "base_url: \"http://localhost:1/v1\", api_key: \"${env:SECRET}\" }\n  c: { base_url: "
     "\"http://[::1]:1/v1\", api_key: \"${env:SECRET}\" }\n",
     ""},
    {"F12_without_a_key", "providers:\n  p: { base_url: \"http://p.test\" }\n", ""},
    {"F2_no_base_url", "providers:\n  p: { display_name: P }\n",
     "w.yaml:2:6  providers.p has no 'base_url'\n"},
    {"F2_unknown_dialect",
     "providers:\n  p: { base_url: \"https://p.test\", dialect: openai_chatt }\n",
     "w.yaml:2:45  dialect: 'openai_chatt' is not openai_chat, openai_responses, "
     "anthropic_messages, anthropic_bedrock, anthropic_vertex, gemini, bedrock_converse, "
     "cohere_chat, ollama_chat or ollama_generate\n             did you mean 'openai_chat'?\n"},
    {"F2_retry_on", "providers:\n  p: { base_url: \"https://p.test\", retry_on: [ 200 ] }\n",
     "w.yaml:2:48  providers.p.retry_on[0]: '200' is not between 400 and 599\n"},
    {"F2_header_of_our_own",
     "providers:\n  p: { base_url: \"https://p.test\", headers: { Host: x } }\n",
     "w.yaml:2:47  headers: 'Host' is set by Waybill itself\n             remove it\n"},
    {"H_header_injection",
     "providers:\n  p: { base_url: \"https://p.test\", headers: { X-A: \"x\\r\\nX-B: y\" } }\n",
     "w.yaml:2:52  headers.X-A: holds characters that no header may have\n"},
    {"F3_credentials_for_no_proxy",
     "providers:\n  p: { base_url: \"https://p.test\", proxy_credentials: \"${env:SECRET}:a\" }\n",
     "w.yaml:2:55  proxy_credentials: no proxy is named\n             write proxy: "
     "http://host:port, or remove it\n"},
    {"F3_authorities_for_no_proxy",
     "providers:\n  p: { base_url: \"https://p.test\", proxy_ca_file: a.pem }\n",
     "w.yaml:2:51  proxy_ca_file: no proxy is named\n             write proxy: http://host:port, "
     "or remove it\n"},
    {"F2_credentials_without_a_password",
     "providers:\n  p: { base_url: \"https://p.test\", proxy: \"http://b.test\", "
     "proxy_credentials: \"${env:SECRET}\" }\n",
     "w.yaml:2:79  proxy_credentials: there is no ':' in it\n             write user:password\n"},
    {"F2_preset_unknown", "providers:\n  p: { preset: opnai }\n",
     "w.yaml:2:16  preset: there is no preset 'opnai'\n             the presets are the files of "
     "config/providers, without .yaml\n"},
};
INSTANTIATE_TEST_SUITE_P(Providers, FaultTable, testing::ValuesIn(kProviders), case_name);

const std::vector<Case> kModels{
    {"F4_comma_in_a_price",
     with_endpoint(
         "        price: { unit: usd_per_million_tokens, prompt: \"0,15\", completion: 0.6 }\n"),
     "w.yaml:8:56  price.prompt: '0,15' is not a decimal number (write 0.15)\n"},
    {"F4_negative_price",
     with_endpoint(
         "        price: { unit: usd_per_million_tokens, prompt: -1, completion: 0.6 }\n"),
     "w.yaml:8:56  price.prompt: '-1' is negative\n"},
    {"F4_nan_price",
     with_endpoint(
         "        price: { unit: usd_per_million_tokens, prompt: .nan, completion: 0.6 }\n"),
     "w.yaml:8:56  price.prompt: '.nan' is not a decimal number (write digits with at most one "
     "point, such as 0.15)\n"},
    {"F4_exponent_price",
     with_endpoint(
         "        price: { unit: usd_per_million_tokens, prompt: 1e-7, completion: 0.6 }\n"),
     "w.yaml:8:56  price.prompt: '1e-7' is not a decimal number (write digits with at most one "
     "point, such as 0.15)\n"},
    {"F4_price_too_fine",
     with_endpoint(
         "        price: { unit: usd_per_million_tokens, prompt: 0.0000001, completion: 0.6 }\n"),
     "w.yaml:8:56  price.prompt: '0.0000001' is too fine or too large\n             prices are "
     "whole picodollars (0.000000000001 USD) per token, image or request\n"},
    {"F4_price_overflow",
     with_endpoint("        price: { unit: usd_per_token, prompt: 99999999999, completion: 0 }\n"),
     "w.yaml:8:47  price.prompt: '99999999999' is too fine or too large\n             prices are "
     "whole picodollars (0.000000000001 USD) per token, image or request\n"},
    {"F4_no_price", with_endpoint(""),
     "w.yaml:6:9  models.\"a/m\".endpoints[0] has no 'price'\n            write price: free, or "
     "its prices\n"},
    {"F4_no_prompt_price", with_endpoint("        price: { unit: usd_per_token, completion: 0 }\n"),
     "w.yaml:8:16  models.\"a/m\".endpoints[0].price has no 'prompt'\n"},
    {"F4_no_unit", with_endpoint("        price: { prompt: 1, completion: 0 }\n"),
     "w.yaml:8:16  models.\"a/m\".endpoints[0].price has no 'unit'\n             write unit: "
     "usd_per_million_tokens or usd_per_token\n"},
    {"F4_price_word", with_endpoint("        price: fre\n"),
     "w.yaml:8:16  price: 'fre' is not free or a map of members\n             did you mean "
     "'free'?\n"},
    {"F4_falling_tiers",
     with_endpoint("        price:\n          unit: usd_per_million_tokens\n          prompt: 1\n  "
                   "        completion: 1\n          tiers: [ { above_prompt_tokens: 9 }, { "
                   "above_prompt_tokens: 9 } ]\n"),
     "w.yaml:12:71  price.tiers: the thresholds do not rise\n              put the lowest "
     "above_prompt_tokens first, each once\n"},
    {"F3_no_endpoints", "models:\n  a/m: { name: M }\n",
     "w.yaml:2:8  models.\"a/m\" has no 'endpoints'\n"},
    {"F3_dangling_provider",
     "providers:\n  lab: { base_url: \"https://p.test\" }\nmodels:\n  a/m: { endpoints: [ { "
     "provider: labb, upstream_model: m, price: free } ] }\n",
     "w.yaml:4:35  endpoint names provider 'labb', which is not defined; 'lab' is (w.yaml:2)\n"},
    {"F3_alias_of_another",
     with_endpoint("        price: free\n  b/m: { aliases: [ a/m ], endpoints: [ { provider: p, "
                   "upstream_model: m, price: free } ] }\n"),
     "w.yaml:9:21  the name 'a/m' already belongs to model 'a/m' (w.yaml:4)\n             give one "
     "of them another name\n"},
    {"F3_alias_of_itself",
     "providers: { p: { base_url: \"https://p.test\" } }\nmodels:\n  b/m: { aliases: [ b/m ], "
     "endpoints: [ { provider: p, upstream_model: m, price: free } ] }\n",
     "w.yaml:3:21  the alias 'b/m' is the model's own id\n             remove it\n"},
    {"F3_broken_provider_is_reported_once",
     "providers:\n  p: { base_url: \"ftp://p.test\" }\nmodels:\n  a/m: { endpoints: [ { provider: "
     "p, upstream_model: m, price: free } ] }\n",
     "w.yaml:2:18  base_url: The URL must start with http:// or https://.\n"},
};
INSTANTIATE_TEST_SUITE_P(Models, FaultTable, testing::ValuesIn(kModels), case_name);

// experience.md, "A mistake in the settings".
TEST(Faults, AllArePrintedAtOnceAsPeopleWereShown) {
  FakeInputs inputs;
  inputs.variables["OPENAI_API_KEY"] = "sk-test";
  inputs.presets["openai"] = "base_url: https://api.openai.com/v1\n";
  inputs.files["providers/lab.yaml"] =
      "providers: { lab: { base_url: \"http://127.0.0.1:9/v1\" } }\n"
      "models: { lab/one: { endpoints: [\n"
      "    { provider: labb, upstream_model: one, price: free } ] } }\n";
  const Loaded loaded = inputs.load_main(
      "listen:\n"
      "  - { address: 127.0.0.1, port: 8080 }\n"
      "include: [ \"providers/*.yaml\" ]\n"
      "\n"
      "providers:\n"
      "  openai: { preset: openai, api_key: \"${env:OPENAI_API_KEY}\" }\n"
      "\n"
      "models:\n"
      "  openai/gpt-4o-mini:\n"
      "    aliases: [ gpt-4o-mini ]\n"
      "    context_length: 128000\n"
      "    endpoints:\n"
      "    - provider: openai\n"
      "      up_stream_model: gpt-4o-mini\n"
      "      price: { unit: usd_per_million_tokens, prompt: \"0,15\", completion: \"0.60\" }\n",
      "waybill.yaml");
  EXPECT_EQ(
      render(loaded.faults) + closing_line(loaded.faults.size()),
      "waybill.yaml:14:7  unknown key 'up_stream_model' in "
      "models.\"openai/gpt-4o-mini\".endpoints[0]\n"
      "                   did you mean 'upstream_model'?\n"
      "waybill.yaml:15:54 price.prompt: '0,15' is not a decimal number (write 0.15)\n"
      "providers/lab.yaml:3:17  endpoint names provider 'labb', which is not defined; 'lab' is "
      "(providers/lab.yaml:1)\n"
      "3 faults, nothing started\n");
}

TEST(Faults, OneIsNotPlural) {
  EXPECT_EQ(closing_line(1), "1 fault, nothing started\n");
}

TEST(Faults, AsJson) {
  const std::vector<Fault> faults{{{"a\"b.yaml", 3, 5}, "wrong", "right"}};
  EXPECT_EQ(
      render_json(faults),
      R"([{"file":"a\"b.yaml","line":3,"column":5,"sentence":"wrong","suggestion":"right"}])");
  EXPECT_EQ(render_json({}), "[]");
}

}  // namespace
}  // namespace waybill::config
