#include "server/api/batch_answer.h"

#include "tests/support/catch.h"

namespace pyexec {
namespace {

using Form = JsonItems::Form;

TEST_CASE("lines go out as they come", "[batch_answer]") {
  BatchAnswer answer(Form::lines);
  answer.add(2, "c");
  answer.add(0, "a");
  answer.add_note("note");
  CHECK(answer.bytes() == 2);
  CHECK(answer.take() == "c\na\nnote\n");
  CHECK(answer.take().empty());
  CHECK(answer.bytes() == 0);
  answer.add(1, "b");
  answer.end();
  CHECK(answer.take() == "b\n");
}

TEST_CASE("an array is in the order of its jobs, and has no notes", "[batch_answer]") {
  BatchAnswer answer(Form::array);
  answer.add(1, "b");
  answer.add_note("note");
  CHECK(answer.take().empty());
  CHECK(answer.bytes() == 1);  // still held
  answer.add(0, "a");
  CHECK(answer.take() == "[a,\nb");
  answer.add(2, "c");
  answer.end();
  CHECK(answer.take() == ",\nc]\n");
}

TEST_CASE("an empty array is one", "[batch_answer]") {
  BatchAnswer answer(Form::array);
  answer.end();
  CHECK(answer.take() == "[]\n");
}

}  // namespace
}  // namespace pyexec
