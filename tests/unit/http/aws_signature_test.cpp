// The published vectors of AWS's Signature Version 4 test suite (aws-sig-v4-test-suite), and
// a Bedrock path as botocore signs it.

#include "waybill/http/aws_signature.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::http {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kTime = std::chrono::sys_days(std::chrono::year(2015) / 8 / 30) + 12h + 36min;
constexpr std::string_view kToken =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmx"
    "fpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0K"
    "PkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZb"
    "qBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct Vector {
  std::string_view name;
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::vector<Fields::Line> headers;  // Host apart
  std::string_view body;
  std::string_view token;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view service = "service";
  std::string_view host = "example.amazonaws.com";

  friend void PrintTo(const Vector& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Vector> kVectors{
    {"get_vanilla",
     "GET",
     "/",
     "",
     {},
     "",
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post_vanilla",
     "POST",
     "/",
     "",
     {},
     "",
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get_header_value_trim",
     "GET",
     "/",
     "",
     {{"My-Header1", " value1"}, {"My-Header2", R"( "a   b   c")"}},
     "",
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get_header_key_duplicate",
     "GET",
     "/",
     "",
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     "",
     "",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get_vanilla_query_order_key_case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     {},
     "",
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get_unreserved",
     "GET",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     {},
     "",
     "",
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get_utf8",
     "GET",
     "/\xE1\x88\xB4",
     "",
     {},
     "",
     "",
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get_space",
     "GET",
     "/example space/",
     "",
     {},
     "",
     "",
     "host;x-amz-date",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"post_x_www_form_urlencoded",
     "POST",
     "/",
     "",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "Param1=value1",
     "",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post_sts_header_before",
     "POST",
     "/",
     "",
     {},
     "",
     kToken,
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"what_is_encoded_is_encoded_again",
     "POST",
     "/model/us.anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse",
     "",
     {{"Content-Type", "application/json"}},
     R"({"messages":[]})",
     "",
     "content-type;host;x-amz-date",
     "0731241cbb64ecc4dc2e27b2169397f5609ffc2540ed1eaf30db55c4b92c2746",
     "bedrock",
     "bedrock-runtime.us-east-1.amazonaws.com"},
};

class AwsSignature : public testing::TestWithParam<Vector> {};

TEST_P(AwsSignature, IsThePublishedOne) {
  const Vector& vector = GetParam();
  std::vector<Fields::Line> headers{{"Host", vector.host}};
  headers.insert(headers.end(), vector.headers.begin(), vector.headers.end());
  const AwsKeys keys{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                     Secret(std::string(vector.token))};
  const auto added = sign_for_aws({.method = vector.method,
                                   .path = vector.path,
                                   .query = vector.query,
                                   .headers = headers,
                                   .body_hash = sha256(vector.body)},
                                  {"us-east-1", vector.service}, keys, kTime);
  ASSERT_EQ(added.size(), vector.token.empty() ? 2U : 3U);
  EXPECT_EQ(added.front().name, "x-amz-date");
  EXPECT_EQ(added.front().value.reveal(), "20150830T123600Z");
  if (!vector.token.empty()) {
    EXPECT_EQ(added[1].name, "x-amz-security-token");
    EXPECT_EQ(added[1].value.reveal(), vector.token);
  }
  EXPECT_EQ(added.back().name, "authorization");
  EXPECT_EQ(added.back().value.reveal(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" +
                std::string(vector.service) +
                "/aws4_request, SignedHeaders=" + std::string(vector.signed_headers) +
                ", Signature=" + std::string(vector.signature));
}

INSTANTIATE_TEST_SUITE_P(TestSuite,
                         AwsSignature,
                         testing::ValuesIn(kVectors),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(AwsSignatureOf, AnyOtherRequestIsAnother) {
  const std::vector<Fields::Line> headers{{"host", "h"}};
  const AwsKeys keys{"AKID", Secret("secret")};
  const auto sign = [&](std::string_view path, std::string_view body, WallTime time,
                        std::string_view region) {
    return std::string(
        sign_for_aws({"POST", path, "", headers, sha256(body)}, {region, "bedrock"}, keys, time)
            .back()
            .value.reveal());
  };
  const std::string one = sign("/a", "x", kTime, "us-east-1");
  EXPECT_EQ(sign("/a", "x", kTime + 999ms, "us-east-1"), one);  // seconds count
  EXPECT_NE(sign("/b", "x", kTime, "us-east-1"), one);
  EXPECT_NE(sign("/a", "y", kTime, "us-east-1"), one);
  EXPECT_NE(sign("/a", "x", kTime + 1s, "us-east-1"), one);
  EXPECT_NE(sign("/a", "x", kTime, "eu-west-1"), one);
}

}  // namespace
}  // namespace waybill::http
