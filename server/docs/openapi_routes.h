// What each path takes and answers, as data for the OpenAPI document. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "server/api/route_table.h"

namespace pyexec {

// Of a body in pieces (each "line", each "event") the schema is that of each.
struct Content {
  std::string_view media_type;
  std::string_view schema;  // JSON; empty: that of the outcomes with this status
  std::string_view pieces = {};
  std::string_view also = {};  // the name of a schema that is not of outcomes
};

struct Answered {
  unsigned status;
  std::string_view description;  // empty: the outcomes with this status
  std::vector<Content> contents;
};
const std::vector<Answered>& answers_of(RouteName name);

struct TakenBody {
  std::string_view description;
  std::vector<Content> contents;
};
const TakenBody* taken_by(RouteName name);  // nullptr: none

std::string_view description_of(RouteName name);  // Markdown

}  // namespace pyexec
