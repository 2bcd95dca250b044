// Where every request of a worker comes in.

#pragma once

#include <optional>
#include <string>

#include "waybill/gateway/gateway.hpp"
#include "waybill/http/server.hpp"
#include "waybill/management/bodies.hpp"

#include "routes.hpp"
#include "services.hpp"

namespace waybill::app {

// Finds the route, and hands inference to the gateway; answers the rest itself.
//
// Thread safety: none; one per worker.
class FrontDoor final : public http::Handler {
 public:
  FrontDoor(gateway::Gateway& gateway, Services& services) noexcept
      : gateway_(gateway),
        services_(services) {}

  net::Task<> handle(http::ServerExchange& exchange) override;
  std::string rejection_body(const http::Rejection& rejection) override;
  std::string rejection_fields(const http::RequestHead& head) override;

 private:
  net::Task<> preflight(http::ServerExchange& exchange);
  net::Task<> refuse_path(http::ServerExchange& exchange, const Route& route);
  net::Task<> models(http::ServerExchange& exchange, const Route& route);
  // In front_door_dialects.cpp: what else clients of other dialects ask.
  net::Task<> foreign_models(http::ServerExchange& exchange, const Route& route);
  net::Task<> count_tokens(http::ServerExchange& exchange, const Route& route);
  net::Task<> refuse_as(http::ServerExchange& exchange, const Route& route, Error error);
  [[nodiscard]] const catalog::Model* named_model(std::string_view id) const;
  net::Task<> generation(http::ServerExchange& exchange);
  net::Task<> key(http::ServerExchange& exchange);
  net::Task<> ready(http::ServerExchange& exchange);
  net::Task<> metrics(http::ServerExchange& exchange);
  net::Task<> live(http::ServerExchange& exchange);

  net::Task<> answer(http::ServerExchange& exchange,
                     telemetry::Route counted,
                     std::string extra_fields,
                     std::string body);
  [[nodiscard]] bool may_see_admin(const http::ServerExchange& exchange) const;

  gateway::Gateway& gateway_;
  Services& services_;
  std::optional<management::ModelsListing> models_;  // of the snapshot below
  gateway::LiveSnapshotPtr listed_;
};

}  // namespace waybill::app
