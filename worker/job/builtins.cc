#include "worker/job/builtins.h"

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pyexec {
namespace {

// Python's own functions, and the type that `file` is compared with. Looked up before any script
// can rebind them; never released.
PyObject *python_print, *python_open, *text_file;
// Strings that every call needs.
PyObject *nothing, *space, *line_end, *write_name;

// An owned reference, released at the end of the scope.
class Owned {
 public:
  explicit Owned(PyObject* object) : object_(object) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { Py_XDECREF(object_); }
  PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_;
};

// Sets the current exception aside until the end of the scope.
class KeptError {
#if PY_VERSION_HEX >= 0x030C0000
 public:
  ~KeptError() {
    PyErr_SetRaisedException(error_);
  }

 private:
  PyObject* error_ = PyErr_GetRaisedException();
#else
 public:
  KeptError() {
    PyErr_Fetch(&type_, &value_, &trace_);
  }
  ~KeptError() {
    PyErr_Restore(type_, value_, trace_);
  }

 private:
  PyObject *type_, *value_, *trace_;
#endif
};

struct PrintArguments {
  PyObject *separator = nullptr, *end = nullptr, *file = nullptr, *flush = nullptr;
};

// Returns false if print() must handle the call itself: for unknown names, and for separators or
// ends that are not strings.
bool read_arguments(PyObject* named, PrintArguments& out) {
  if (named == nullptr) return true;
  Py_ssize_t place = 0;
  PyObject *name, *value;
  while (PyDict_Next(named, &place, &name, &value)) {
    PyObject** target = nullptr;
    if (PyUnicode_CompareWithASCIIString(name, "sep") == 0) target = &out.separator;
    if (PyUnicode_CompareWithASCIIString(name, "end") == 0) target = &out.end;
    if (PyUnicode_CompareWithASCIIString(name, "file") == 0) target = &out.file;
    if (PyUnicode_CompareWithASCIIString(name, "flush") == 0) target = &out.flush;
    if (target == nullptr) return false;
    *target = value == Py_None ? nullptr : value;
  }
  const auto is_text = [](PyObject* text) { return text == nullptr || PyUnicode_Check(text); };
  return is_text(out.separator) && is_text(out.end);
}

// Writes the pieces as one text. Returns false, with an exception set, on failure.
bool write(PyObject* file, PyObject* pieces) {
  const Owned text(PyUnicode_Join(nothing, pieces));
  if (!text) return false;
  const Owned written(PyObject_CallMethodOneArg(file, write_name, text.get()));
  return static_cast<bool>(written);
}

// Prints the values with the separator and the end. If a value has no text, writes those before
// it, as print() does, and leaves the exception set.
bool print_to(PyObject* file, PyObject* values, const PrintArguments& how) {
  const Owned pieces(PyList_New(0));
  if (!pieces) return false;
  PyObject* const separator = how.separator != nullptr ? how.separator : space;
  PyObject* const end = how.end != nullptr ? how.end : line_end;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values); ++i) {
    if (i > 0 && PyList_Append(pieces.get(), separator) == -1) return false;
    const Owned text(PyObject_Str(PyTuple_GET_ITEM(values, i)));
    if (!text) {
      const KeptError kept;
      if (i > 0 && !write(file, pieces.get())) PyErr_Clear();
      return false;
    }
    if (PyList_Append(pieces.get(), text.get()) == -1) return false;
  }
  if (PyList_Append(pieces.get(), end) == -1 || !write(file, pieces.get())) return false;
  if (how.flush == nullptr) return true;
  const int flush = PyObject_IsTrue(how.flush);
  if (flush <= 0) return flush == 0;
  const Owned flushed(PyObject_CallMethod(file, "flush", nullptr));
  return static_cast<bool>(flushed);
}

PyObject* print(PyObject*, PyObject* values, PyObject* named) {
  PrintArguments how;
  if (read_arguments(named, how)) {
    // The type is checked because a script's own file object may count the writes.
    const Owned file(Py_XNewRef(how.file != nullptr ? how.file : PySys_GetObject("stdout")));
    if (file && Py_IS_TYPE(file.get(), reinterpret_cast<PyTypeObject*>(text_file))) {
      if (!print_to(file.get(), values, how)) return nullptr;
      Py_RETURN_NONE;
    }
  }
  return PyObject_Call(python_print, values, named);
}

// Returns the descriptor that a path in /dev names.
std::optional<int> descriptor_of(PyObject* path_or_name) {
  const Owned name(PyOS_FSPath(path_or_name));
  Py_ssize_t size = 0;
  const char* const text =
      name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8AndSize(name.get(), &size) : nullptr;
  if (text == nullptr) PyErr_Clear();
  std::string_view path(text != nullptr ? text : "", text != nullptr ? size : 0);
  if (!path.starts_with("/dev/")) return std::nullopt;
  path.remove_prefix(5);
  if (path == "stdin") return 0;
  if (path == "stdout") return 1;
  if (path == "stderr") return 2;
  if (!path.starts_with("fd/")) return std::nullopt;
  path.remove_prefix(3);
  int number = -1;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc() || end != path.data() + path.size()) return std::nullopt;
  return number;
}

// Opens a duplicate of the descriptor, as the path would: closing it leaves the first one open.
PyObject* open_descriptor(int descriptor, PyObject* values, PyObject* named) {
  const int copy = ::dup(descriptor);
  if (copy == -1)
    return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, PyTuple_GET_ITEM(values, 0));
  const Owned changed(PySequence_List(values));
  PyObject* const number = PyLong_FromLong(copy);
  if (!changed || number == nullptr || PyList_SetItem(changed.get(), 0, number) == -1)
    return nullptr;
  const Owned tuple(PyList_AsTuple(changed.get()));
  if (!tuple) return nullptr;
  PyObject* const file = PyObject_Call(python_open, tuple.get(), named);
  if (file == nullptr) ::close(copy);
  return file;
}

PyObject* open(PyObject*, PyObject* values, PyObject* named) {
  if (PyTuple_GET_SIZE(values) > 0)
    if (const auto descriptor = descriptor_of(PyTuple_GET_ITEM(values, 0)))
      return open_descriptor(*descriptor, values, named);
  return PyObject_Call(python_open, values, named);
}

PyObject* attribute(const char* module, const char* name) {
  const Owned found(PyImport_ImportModule(module));
  PyObject* const value = found ? PyObject_GetAttrString(found.get(), name) : nullptr;
  if (value == nullptr) throw std::runtime_error(std::string("Python has no ") + name);
  return value;
}

// Makes a method with the name, documentation and signature of `like`, which are never released.
PyMethodDef method(PyCFunctionWithKeywords function, PyObject* like) {
  const auto text_of = [like](const char* name) {
    const Owned text(PyObject_GetAttrString(like, name));
    const char* const words =
        text && PyUnicode_Check(text.get()) ? PyUnicode_AsUTF8(text.get()) : nullptr;
    return std::string(words != nullptr ? words : "");
  };
  const std::string name = text_of("__name__");
  const std::string signature = text_of("__text_signature__");
  const std::string doc =
      (signature.empty() ? "" : name + signature + "\n--\n\n") + text_of("__doc__");
  return {::strdup(name.c_str()),
          reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)),
          METH_VARARGS | METH_KEYWORDS, ::strdup(doc.c_str())};
}

void put(const char* module, const char* name, PyObject* function) {
  const Owned found(PyImport_ImportModule(module));
  if (!found || function == nullptr || PyObject_SetAttrString(found.get(), name, function) == -1)
    throw std::runtime_error(std::string("Python does not take another ") + name);
}

}  // namespace

void replace_builtins() {
  python_print = attribute("builtins", "print");
  python_open = attribute("io", "open");
  text_file = attribute("io", "TextIOWrapper");
  nothing = PyUnicode_InternFromString("");
  space = PyUnicode_InternFromString(" ");
  line_end = PyUnicode_InternFromString("\n");
  write_name = PyUnicode_InternFromString("write");
  static PyMethodDef print_method = method(print, python_print);
  static PyMethodDef open_method = method(open, python_open);
  const auto made = [](PyMethodDef& with, PyObject* like, const char* module) {
    const Owned owner(PyImport_ImportModule(module));
    const Owned name(PyObject_GetAttrString(like, "__module__"));
    return PyCFunction_NewEx(&with, owner.get(), name.get());
  };
  const Owned new_print(made(print_method, python_print, "builtins"));
  const Owned new_open(made(open_method, python_open, "_io"));
  put("builtins", "print", new_print.get());
  for (const char* module : {"builtins", "io", "_io"}) put(module, "open", new_open.get());
}

}  // namespace pyexec
