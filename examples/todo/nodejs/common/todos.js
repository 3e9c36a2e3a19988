'use strict';

// What the four actions share: the database, the todo's form, and its URL.
// In the style of 2018: the database is opened by its Cloudant account, answers are promises.

var Cloudant = require('@cloudant/cloudant');

var JSON_HEADERS = { 'content-type': 'application/json' };

// Who is signed in has a database of their own. The gateway has verified the token before.
function databaseName(params) {
  var authorization = (params.__ow_headers || {}).authorization || '';
  if (authorization.indexOf('Bearer ') !== 0) {
    return 'todos';
  }
  var payload = authorization.slice('Bearer '.length).split('.')[1];
  return 'todos_' + JSON.parse(Buffer.from(payload, 'base64').toString()).sub.toLowerCase();
}

exports.open = function (params) {
  var cloudant = Cloudant({ account: params.username, password: params.password, plugins: 'promises' });
  var name = databaseName(params);
  return cloudant.db.create(name).catch(function (error) {
    if (error.statusCode !== 412) { // 412: it is there
      throw error;
    }
  }).then(function () {
    return cloudant.use(name);
  });
};

// The id in the path, '' for the collection.
exports.id = function (params) {
  return (params.__ow_path || '').replace(params.base_path, '').replace(/^\/+|\/+$/g, '');
};

exports.shown = function (params, doc) {
  var asked = ((params.__ow_headers || {})['x-forwarded-url'] || '').split('?')[0];
  var base = asked.slice(0, asked.indexOf(params.base_path) + params.base_path.length);
  return { id: doc._id, url: base + '/' + doc._id, title: doc.title, completed: doc.completed, order: doc.order };
};

exports.all = function (db) {
  return db.list({ include_docs: true }).then(function (answer) {
    return answer.rows.map(function (row) { return row.doc; });
  });
};

exports.answer = function (statusCode, body) {
  return { statusCode: statusCode, headers: JSON_HEADERS, body: body };
};

// A refusal of the database becomes the action's own.
exports.refused = function (error) {
  var statusCode = error.statusCode || 500;
  return Promise.reject(exports.answer(statusCode, { error: error.reason || error.message }));
};
