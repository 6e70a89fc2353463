// What the service tells, as data: the members of every JSON object in its answers. Each object has
// these members and no others. Pure.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "server/job/outcome.h"

namespace pyexec {

enum class There { always, sometimes };

struct ToldMember {
  std::string_view name;
  std::string_view schema;  // as of JSON Schema, without braces
  There there = There::always;
};
using ToldGroup = std::span<const ToldMember>;

struct Shape {
  std::string_view name;
  std::string_view description;
  std::array<ToldGroup, 4> groups;
  std::string_view goes_with = {};  // "dependentRequired" of JSON Schema
};
std::span<const Shape> told_shapes();

// Of a live answer.
struct ToldEvent {
  std::string_view name;
  std::string_view when;
  std::array<ToldGroup, 2> groups;
};
std::span<const ToldEvent> told_events();

// Of an answer of /execute. `statuses`: the outcome's own first, then those of requests that are
// refused before their body is looked at.
struct ToldOutcome {
  std::span<const unsigned> statuses;
  std::span<const std::string_view> bodies;  // names of shapes
  std::string_view members;                  // of the body, in Markdown
};
ToldOutcome told_outcome(OutcomeKind kind);

}  // namespace pyexec
