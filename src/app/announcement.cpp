#include "announcement.hpp"

#include <cstdio>
#include <fstream>

#include <unistd.h>

#include "waybill/base/text.hpp"

namespace waybill::app {
namespace {

std::string ready_text(const ListenUrls& urls) {
  std::string text = "{\"listen\":[";
  for (const std::string& url : urls.open) {
    text += text.ends_with('[') ? "" : ",";
    append_json_string(text, url);
  }
  text += "],\"admin\":";
  append_json_string(text, urls.admin.empty() ? std::string() : urls.admin.front());
  text += ",\"pid\":" + std::to_string(::getpid()) + "}\n";
  return text;
}

}  // namespace

std::string url_of(const config::ListenSettings& listen, std::uint16_t port) {
  if (!listen.unix_path.empty()) {
    return "unix:" + listen.unix_path;
  }
  const bool v6 = listen.address.find(':') != std::string::npos;
  return std::string(listen.tls ? "https://" : "http://") +
         (v6 ? "[" + listen.address + "]" : listen.address) + ":" + std::to_string(port);
}

Result<void> announce(const ListenUrls& urls, const std::string& ready_file, telemetry::Log& log) {
  for (const std::string& url : urls.open) {
    log.info("listening", {{"url", url}});
  }
  for (const std::string& url : urls.admin) {
    log.info("listening_admin", {{"url", url}});
  }
  if (ready_file.empty()) {
    return {};
  }
  const std::string temporary = ready_file + ".new";
  std::ofstream file(temporary);
  file << ready_text(urls);
  file.close();
  if (!file || std::rename(temporary.c_str(), ready_file.c_str()) != 0) {
    return Error(ErrorKind::InvalidRequest, "ready_file_unwritable",
                 "The ready file '" + ready_file + "' cannot be written.");
  }
  return {};
}

}  // namespace waybill::app
