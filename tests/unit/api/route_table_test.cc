#include "server/api/route_table.h"

#include <map>
#include <string>

#include "tests/support/catch.h"

namespace pyexec {
namespace {

struct Match {
  std::string methods, session, file;
};

Match match(std::string_view path) {
  Match found;
  for (const Route& route : kRoutes) {
    PathParts parts;
    if (!matches(route, path, parts)) continue;
    found.methods += std::string(boost::beast::http::to_string(route.method)) + " ";
    found.session = parts.session;
    found.file = parts.file;
  }
  return found;
}

TEST_CASE("a path without parts is itself alone", "[route_table]") {
  CHECK(match("/execute").methods == "POST ");
  CHECK(match("/").methods == "GET ");
  for (const char* path : {"", "/execute/", "/Execute", "//execute", "/execut", "/executes"})
    CHECK(match(path).methods.empty());
}

TEST_CASE("a session's name is one part of a path", "[route_table]") {
  CHECK(match("/sessions").methods == "POST GET ");
  CHECK(match("/sessions/a-1").methods == "GET DELETE ");
  CHECK(match("/sessions/a-1").session == "a-1");
  CHECK(match("/sessions/x/execute").methods == "POST ");
  CHECK(match("/sessions/x/execute").session == "x");
  for (const char* path :
       {"/sessions/", "/sessions/a/", "/sessions/a/execute/", "/sessions//execute", "/sessions/a/b",
        "/sessions/a/files", "/sessions/a/files/", "/session/a"})
    CHECK(match(path).methods.empty());
}

TEST_CASE("a file's name is the rest of a path", "[route_table]") {
  const std::map<std::string, std::string> names = {{"/sessions/s/files/a", "a"},
                                                    {"/sessions/s/files/a/b%20c", "a/b%20c"},
                                                    {"/sessions/s/files//", "/"},
                                                    {"/sessions/s/files/execute", "execute"}};
  for (const auto& [path, name] : names) {
    CHECK(match(path).methods == "PUT GET ");
    CHECK(match(path).session == "s");
    CHECK(match(path).file == name);
  }
}

}  // namespace
}  // namespace pyexec
