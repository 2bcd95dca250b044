// Which bytes to cut so that members of one object go and its commas stay right.

#pragma once

#include <cstdint>

#include "waybill/dialects/splice.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {

// Is told of each member of an object in order.  A member that goes takes the
// comma before it with it; members that go before the first that stays take the
// one after.  So {"a":1,"b":2} without a is {"b":2} and without b {"a":1}.
class MemberCutter {
 public:
  explicit MemberCutter(SpliceList& splices) noexcept : splices_(splices) {}

  // The object's current member stays.
  void keep(const ObjectWalk& object) noexcept {
    if (lead_.end != 0) {
      splices_.add(SpliceKind::Cut, {lead_.begin, object.name_begin()});
      lead_ = {};
    }
    if (optional_open_) {
      optional_.end = object.name_begin();
      optional_open_ = false;
    }
    kept_ = true;
  }

  // It goes; its value ended at `end`.
  void cut(const ObjectWalk& object, std::uint32_t end) noexcept {
    if (kept_) {
      splices_.add(SpliceKind::Cut, {object.comma(), end});
      return;
    }
    if (lead_.end == 0) {
      lead_.begin = object.name_begin();
    }
    lead_.end = end;
  }

  // It stays, but optional() shall tell what to cut if it does not.  At most one.
  void keep_optional(const ObjectWalk& object, std::uint32_t end) noexcept {
    const bool first = !kept_;
    keep(object);
    optional_ = {first ? object.name_begin() : object.comma(), end};
    optional_open_ = first;
  }

  // The object has ended.
  void finish() noexcept {
    if (lead_.end != 0) {
      splices_.add(SpliceKind::Cut, lead_);
      lead_ = {};
    }
  }

  [[nodiscard]] bool kept() const noexcept { return kept_; }
  [[nodiscard]] ByteRange optional() const noexcept { return optional_; }

 private:
  SpliceList& splices_;
  ByteRange lead_;
  ByteRange optional_;
  bool optional_open_ = false;
  bool kept_ = false;
};

}  // namespace waybill::dialects
