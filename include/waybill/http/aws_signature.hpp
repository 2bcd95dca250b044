// AWS Signature Version 4 of a request ("AWS Signature Version 4 for API requests", AWS
// Identity and Access Management User Guide).
//
// The signature is HMAC-SHA256, with a key derived from the secret key, the day, the region
// and the service, over the time, those three, and the digest of the canonical request:
//
//   method
//   path, every segment percent-encoded as it is sent: what the path holds encoded already
//     is encoded once more, for all services but S3
//   query, by name and value
//   headers, in lower case and by name, each with a line end
//   names of these headers
//   digest of the body, in hexadecimal
//
// Pure: the time is an argument.

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/digest.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/base/time.hpp"
#include "waybill/http/fields.hpp"

namespace waybill::http {

struct AwsKeys {
  std::string access_key_id;
  Secret secret_key;
  Secret session_token{};  // of temporary keys; empty for lasting ones
};

struct AwsScope {
  std::string_view region;   // "us-east-1"
  std::string_view service;  // "bedrock"
};

// A request as it will be sent.
struct AwsRequest {
  std::string_view method;
  // From its first '/', without the query.  It has no empty or dot segments, which AWS
  // would fold away.
  std::string_view path;
  std::string_view
      query;  // without '?'; percent-encoded, and nothing but RFC 3986's unreserved not
  // The lines to sign: Host must be among them, and what no proxy changes may be.
  std::span<const Fields::Line> headers;
  Sha256 body_hash;
};

// A header line to add to the request.
struct AwsHeader {
  std::string_view name;  // in lower case
  Secret value;
};

// What a request needs so that AWS takes it: its time, its session token where there is
// one, and the signature over all.
[[nodiscard]] std::vector<AwsHeader> sign_for_aws(const AwsRequest& request,
                                                  const AwsScope& scope,
                                                  const AwsKeys& keys,
                                                  WallTime time);

}  // namespace waybill::http
