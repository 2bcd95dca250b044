// The calls of a conversation, and which of them a result answers.

#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::dialects::ollama {

// Ollama gave calls no ids before 0.12, and many clients still send none: a result answers
// the first call of its tool that has no answer yet.  Ids are made of the call's place in
// the conversation, so they stay the same when the conversation grows; their form, nine
// letters and digits, is one that every provider takes (Mistral takes no other).
class CallBook {
 public:
  std::string add(std::string id, std::string_view name) {
    if (id.empty()) {
      std::string number = std::to_string(calls_.size());
      number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
      id = "call" + number;
    }
    calls_.push_back({id, std::string(name), false});
    return id;
  }

  // Fills in what of the result's id and name is missing.
  void answer(std::string& id, std::string& name) {
    Call* found = find(id, name);
    if (found == nullptr && id.empty()) {
      id = add({}, name);
      found = &calls_.back();
    }
    if (found != nullptr) {
      found->answered = true;
      id = found->id;
      name = name.empty() ? found->name : name;
    }
  }

 private:
  struct Call {
    std::string id;
    std::string name;
    bool answered = false;
  };

  Call* find(const std::string& id, const std::string& name) {
    const auto first = [this](auto&& wanted) {
      const auto found = std::ranges::find_if(calls_, wanted);
      return found == calls_.end() ? nullptr : &*found;
    };
    if (!id.empty()) {
      return first([&](const Call& call) { return call.id == id; });
    }
    Call* const named =
        first([&](const Call& call) { return !call.answered && call.name == name; });
    return named != nullptr ? named : first([](const Call& call) { return !call.answered; });
  }

  std::vector<Call> calls_;
};

}  // namespace waybill::dialects::ollama
