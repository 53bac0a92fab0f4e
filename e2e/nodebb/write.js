// Logs in at a NodeBB as its pages do, sends one event over Socket.IO and prints the answer.
// node write.js URL USER PASSWORD EVENT JSON

'use strict';

var http = require('http');
var client = require('socket.io-client');

var url = process.argv[2];
var event = process.argv[5];
var words = JSON.parse(process.argv[6]);
var cookie = '';

function fail(why) {
	console.error(why);
	process.exit(1);
}

function ask(method, path, headers, body, done) {
	var options = Object.assign({ method: method, path: path, headers: headers }, {
		hostname: new URL(url).hostname, port: new URL(url).port
	});
	options.headers.Cookie = cookie;
	http.request(options, function (answer) {
		var text = '';
		(answer.headers['set-cookie'] || []).forEach(function (one) {
			cookie = one.split(';')[0];
		});
		answer.on('data', function (chunk) { text += chunk; });
		answer.on('end', function () { done(answer.statusCode, text); });
	}).on('error', fail).end(body);
}

ask('GET', '/api/config', {}, undefined, function (status, text) {
	var body = JSON.stringify({ username: process.argv[3], password: process.argv[4] });
	var headers = {
		'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body),
		'x-csrf-token': JSON.parse(text).csrf_token
	};
	ask('POST', '/login', headers, body, function (status, text) {
		if (status !== 200) {
			fail('no log-in: ' + status + ' ' + text);
		}
		var socket = client(url, { extraHeaders: { Cookie: cookie }, transports: ['polling'] });
		socket.on('connect_error', fail);
		socket.on('error', fail);
		socket.on('connect', function () {
			socket.emit(event, words, function (error, answer) {
				if (error) {
					fail(event + ': ' + JSON.stringify(error));
				}
				console.log(JSON.stringify(answer === undefined ? null : answer));
				process.exit(0);
			});
		});
	});
});
setTimeout(fail, 60000, 'no answer');
