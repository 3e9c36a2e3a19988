// What lives in a JavaScript context beside the functions of one design document.
//
// The value of this script is `dispatch(operation, name, text, extra)`; all arguments and the answer are
// texts, mostly JSON. The answer is {"ok": …, "log": […]} or {"error": [name, reason], "log": […]}.
// An operation on many documents stops early when its time slice is over: its answer is then for the first
// ones, at least one. Documents are parsed anew for each call, so no function sees what another one did to
// them. What a function could replace later, such as JSON.parse, is taken hold of here first.
//
// Specification: the JavaScript query server of CouchDB 3.5 (its share/server), "Design Documents" in its
// documentation.
(function (global, slice_ms, log_lines_max, log_chars_max) {
  "use strict";
  var parse = JSON.parse, stringify = JSON.stringify, now = Date.now, evaluate = global.eval;
  var freeze = Object.freeze, keysOf = Object.keys, apply = Reflect.apply;
  var hasOwn = Object.prototype.hasOwnProperty, join = Array.prototype.join;
  var isList = Array.isArray, Text = String;

  var ddoc = {};
  var compiled = { __proto__: null };
  var modules = { __proto__: null };
  var rows = [];
  var emitted = false;
  var lines = [];

  // --- what functions may call ---------------------------------------------------------------------

  function log(message) {
    if (lines.length >= log_lines_max) return;
    var text = typeof message === "string" ? message : stringify(asJson(message));
    lines[lines.length] = Text(text).slice(0, log_chars_max);
  }

  function asJson(value) {
    if (value instanceof Error) return { error: value.name, message: value.message };
    return value;
  }

  function emitRow(key, value) { rows[rows.length] = [key, asJson(value)]; }
  function emitFlag() { emitted = true; }

  function sum(values) {
    var total = 0;
    for (var at in values) total += values[at];
    return total;
  }

  global.log = log;
  global.sum = sum;
  global.toJSON = stringify;
  global.isArray = isList;
  global.emit = emitRow;
  for (var name of ["Atomics", "SharedArrayBuffer", "performance", "queueMicrotask", "WeakRef",
                    "FinalizationRegistry", "DOMException"]) delete global[name];

  // --- errors --------------------------------------------------------------------------------------

  function Refusal(error, reason) { this.error = error; this.reason = reason; }

  function isEngineFailure(thrown) {
    return thrown === null || (thrown instanceof Error && thrown.name === "InternalError");
  }

  // [name, reason] of whatever a function threw.
  function described(thrown) {
    if (thrown instanceof Refusal) return [thrown.error, thrown.reason];
    if (thrown instanceof Error) return [Text(thrown.name), Text(thrown.message)];
    if (isList(thrown) && (thrown[0] === "error" || thrown[0] === "fatal") && thrown.length > 1)
      return [Text(thrown[1]), thrown[2] === undefined ? null : thrown[2]];
    if (typeof thrown === "object" && thrown !== null) {
      if (thrown.error && thrown.reason) return [Text(thrown.error), thrown.reason];
      if (thrown.name) return [Text(thrown.name), thrown];
    }
    return ["unnamed_error", typeof thrown === "string" ? thrown : stringify(thrown)];
  }

  // What a validation function's throw says: its one member, forbidden and unauthorized before others.
  function refusedBy(thrown) {
    if (thrown instanceof Error || thrown instanceof Refusal || isList(thrown)) return described(thrown);
    if (typeof thrown === "object" && thrown !== null) {
      if ("forbidden" in thrown) return ["forbidden", thrown.forbidden];
      if ("unauthorized" in thrown) return ["unauthorized", thrown.unauthorized];
      var first = keysOf(thrown)[0];
      return ["unknown_error", first === undefined ? thrown : thrown[first]];
    }
    return ["unknown_error", thrown === undefined ? null : thrown];
  }

  // --- from sources to functions -------------------------------------------------------------------

  function compile(source) {
    var made;
    if (typeof source !== "string") throw new Refusal("compilation_error", notAFunction(source));
    try {
      try {
        made = evaluate("0," + source);
      } catch (refused) {
        if (!(refused instanceof SyntaxError)) throw refused;
        try { made = evaluate(source); } catch (again) { throw refused; }
      }
    } catch (refused) {
      if (isEngineFailure(refused)) throw refused;
      throw new Refusal("compilation_error", Text(refused) + " (" + source + ")");
    }
    if (typeof made !== "function") throw new Refusal("compilation_error", notAFunction(source));
    return made;
  }

  function notAFunction(source) {
    return "Expression does not eval to a function. (" + (typeof source === "string" ? source : stringify(source)) + ")";
  }

  // The function at a path of the design document, such as ["filters", "mine"].
  function functionAt(path) {
    var key = stringify(path);
    if (key in compiled) return compiled[key];
    var source = ddoc;
    for (var at = 0; at < path.length; at++) {
      source = typeof source === "object" && source !== null && hasOwn.call(source, path[at])
        ? source[path[at]] : undefined;
    }
    if (!source) throw new Refusal(
      "not_found", "missing " + path[0] + " function " + path[path.length - 1] + " on design doc " + ddoc._id);
    return (compiled[key] = compile(source));
  }

  function functionFrom(source) {
    return source in compiled ? compiled[source] : (compiled[source] = compile(source));
  }

  // CommonJS modules are members of the design document: a path is a list of [name, value] from the root.
  function resolved(text, from, root) {
    var path = /^\.\.?(\/|$)/.test(text) ? from.slice() : [];
    for (var name of text.split("/")) {
      if (name === "." || name === "..") {
        if (!path.length || (name === ".." && path.length < 2))
          throw new Refusal("invalid_require_path", "Object has no parent for " + text);
        path.length -= 1;
        if (name === ".." && path.length) path.length -= 1;
        continue;
      }
      var inside = path.length ? path[path.length - 1][1] : root;
      if (typeof inside !== "object" || inside === null || !hasOwn.call(inside, name))
        throw new Refusal("invalid_require_path", 'Object has no property "' + name + '". ' + stringify(inside));
      path[path.length] = [name, inside[name]];
    }
    return path;
  }

  function requirer(root, from) {
    return function require(text) {
      var path = resolved(Text(text), from, root);
      var id = path.map(function (step) { return step[0]; }).join("/");
      if (id in modules) return modules[id].exports;
      var source = path.length ? path[path.length - 1][1] : root;
      if (typeof source !== "string")
        throw new Refusal("invalid_require_path", "Must require a JavaScript string, not: " + typeof source);
      // It is kept before it runs, so that modules may require each other.
      var module = (modules[id] = { id: id, exports: {} });
      try {
        var body = evaluate("(function (module, exports, require) { " + source + "\n })");
        apply(body, global, [module, module.exports, requirer(root, path)]);
      } catch (raised) {
        delete modules[id];
        if (isEngineFailure(raised)) throw raised;
        throw new Refusal("compilation_error", "Module require('" + text + "') raised error " +
          (raised instanceof Refusal ? raised.reason : Text(raised)));
      }
      return module.exports;
    };
  }

  function setUp(root, emit) {
    global.require = root === null ? undefined : requirer(root, []);
    global.emit = emit;
  }

  function viewRoot() {
    var views = typeof ddoc.views === "object" && ddoc.views !== null ? ddoc.views : {};
    return { views: { lib: views.lib } };
  }

  // Not recursive: documents may be nested deeper than the engine's stack.
  function frozen(value) {
    if (typeof value !== "object" || value === null) return value;
    var left = [value], count = 1;
    while (count) {
      var inner = left[--count];
      freeze(inner);
      for (var name in inner) {
        var member = inner[name];
        if (typeof member === "object" && member !== null) left[count++] = member;
      }
    }
    return value;
  }

  // Calls work(document) for each until the time slice is over; the texts of its results as a JSON list.
  function each(documents, work) {
    var results = [], until = now() + slice_ms;
    for (var at = 0; at < documents.length; at++) {
      results[at] = work(documents[at]);
      if (now() > until) break;
    }
    return apply(join, ["[", apply(join, results, [","]), "]"], [""]);
  }

  // --- the operations ------------------------------------------------------------------------------

  var operations = {
    __proto__: null,

    // The design document whose functions are to be run.
    load: function (_, text) {
      ddoc = parse(text);
      return "null";
    },

    // Does this source compile to a function?
    compile: function (source) {
      compile(source);
      return "null";
    },

    // Is there a function at this path, and does it compile?
    find: function (path) {
      functionAt(parse(path));
      return "null";
    },

    // text: [[new document, old one or null], …], extra: [userCtx, secObj]. Each null or [error, reason].
    validate: function (_, text, extra) {
      var check = functionAt(["validate_doc_update"]);
      setUp(ddoc, emitRow);
      return each(parse(text), function (pair) {
        try {
          apply(check, ddoc, [pair[0], pair[1], ...parse(extra)]);
        } catch (thrown) {
          if (isEngineFailure(thrown)) throw thrown;
          return stringify(refusedBy(thrown));
        }
        return "null";
      });
    },

    // text: documents, extra: the request. Each true or false.
    filter: function (name, text, extra) {
      var passes = functionAt(["filters", name]), request = parse(extra);
      setUp(ddoc, emitRow);
      return each(parse(text), function (doc) {
        return apply(passes, ddoc, [doc, request]) ? "true" : "false";
      });
    },

    // text: documents. Each whether the view's map emits anything for it.
    view: function (name, text) {
      var map = functionAt(["views", name, "map"]);
      setUp(ddoc, emitFlag);
      return each(parse(text), function (doc) {
        emitted = false;
        map(doc);
        return emitted ? "true" : "false";
      });
    },

    // text: documents. Each a list of [key, value]. A function that throws emits nothing for the document.
    map: function (name, text) {
      var map = functionAt(["views", name, "map"]);
      setUp(viewRoot(), emitRow);
      return each(parse(text), function (doc) {
        rows = [];
        try {
          map(frozen(doc));
          return stringify(rows);
        } catch (thrown) {
          ignore(thrown, " with doc._id " + doc._id);
          return "[]";
        }
      });
    },

    // text: groups, each [[[key, id], value], …], or of values when extra says that it reduces again.
    reduce: function (source, text, extra) {
      var reduce = functionFrom(source), again = extra === "true";
      setUp(null, emitRow);
      return each(parse(text), function (given) {
        var keys = null, values = given;
        if (!again) {
          keys = given.map(function (row) { return row[0]; });
          values = given.map(function (row) { return row[1]; });
        }
        try {
          var reduced = stringify(reduce(keys, values, again));
          return reduced === undefined ? "null" : reduced;
        } catch (thrown) {
          ignore(thrown, "");
          return "null";
        }
      });
    },
  };

  // What views do with an exception: it goes to the log, but for those that are to stop everything.
  function ignore(thrown, where) {
    if (isEngineFailure(thrown)) throw thrown;
    if (thrown === "fatal_error") throw new Refusal("map_runtime_error", "function raised 'fatal_error'");
    if (isList(thrown) && thrown[0] === "fatal") throw thrown;
    log("function raised exception " + (thrown instanceof Refusal ? thrown.reason : Text(thrown)) + where);
  }

  return function dispatch(operation, name, text, extra) {
    var answer;
    lines = [];
    rows = [];
    try {
      answer = ['{"ok":', operations[operation](name, text, extra)];
    } catch (thrown) {
      if (isEngineFailure(thrown)) throw thrown;
      answer = ['{"error":', stringify(described(thrown))];
    }
    // Joined, not added up: the Python side can't read a text that the engine keeps as a tree of pieces.
    return apply(join, [...answer, lines.length ? ',"log":' + stringify(lines) : "", "}"], [""]);
  };
})
