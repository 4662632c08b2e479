-- What wrk sends, for scripts/bench. GOLDAW_BENCH_LOAD names the load; the rest comes in the
-- environment too. After GOLDAW_BENCH_SECONDS nothing new is sent, and what is under way is waited
-- for; so the service and this script know of the same writes in the end. An answer that is not
-- what it must be is an error. Prints one line of JSON.
local ffi = require("ffi")
ffi.cdef("struct moment { long s; long us; }; int gettimeofday(struct moment *, void *);")
local moment = ffi.new("struct moment")
local function now()
    ffi.C.gettimeofday(moment, nil)
    return tonumber(moment.s) + tonumber(moment.us) / 1e6
end

local function given(name) return os.getenv("GOLDAW_BENCH_" .. name) or "" end
local load, run, seconds = given("LOAD"), given("RUN"), tonumber(given("SECONDS"))
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. given("TOKEN") }

-- References to ask for, one a line.
local known = {}
if given("KNOWN") ~= "" then
    for line in io.lines(given("KNOWN")) do known[#known + 1] = line end
end

local answers = '"answers":{"perpetrator_present":"yes","strangled":"yes","weapon":"unknown"}'
local contact = '{"channel":"phone","kind":"support","opened_at":"' .. given("OPENED")
    .. '","caller_role":"survivor","language":"tk","person":{"age_band":"26_40","sex":"female","area":"TM-M-BAY"},'
    .. answers .. ',"wishes":["medical","safe_house"],"finish":true}'

local function keyed(path, body, sent)
    headers["Idempotency-Key"] = run .. "-" .. sent
    return wrk.format("POST", path, headers, body)
end

-- Each load: what the nth request is, what it is answered with, and what that must contain.
local loads = {
    create = { status = 201, has = '"fired"', most = tonumber(given("MOST")), ask = function(n) return keyed("/api/v1/contacts", contact, n) end },
    get = { status = 200, has = '"fired"', ask = function(n)
        return wrk.format("GET", "/api/v1/contacts/" .. known[(n * 7919) % #known + 1], headers)
    end },
    list = { status = 200, has = '"items":[{', ask = function()
        return wrk.format("GET", given("PATH"), headers)
    end },
    match = { status = 200, has = '"candidates":[{', ask = function()
        return wrk.format("POST", "/api/v1/services/match", headers, '{"need":"medical","contact":"' .. given("CONTACT") .. '"}')
    end },
    -- Each ticket once: it is free the first time only.
    claim = { status = 200, has = '"survivor":{', most = #known, ask = function(n)
        return wrk.format("POST", "/api/v1/tickets/" .. known[n] .. "/claim", headers, "{}")
    end },
    evaluate = { status = 200, has = '"critical"', ask = function()
        return wrk.format("POST", "/api/v1/triage/evaluate", headers, "{" .. answers .. "}")
    end },
}
local this = loads[load]

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

local due, sent, stop = 0, 0, nil
right, wrong, first_wrong, ended = 0, 0, "", 0

-- Asked before each request: how long to wait with it.
function delay()
    stop = stop or now() + seconds
    if now() >= stop or due >= (this.most or math.huge) then return 3600000 end
    due = due + 1
    return 0
end

function request()
    sent = sent + 1
    -- One is made before the first is asked for, and not sent.
    return this.ask(math.max(1, sent - 1))
end

function response(status, _, text)
    ended = now()
    if status == this.status and text:find(this.has, 1, true) then
        right = right + 1
        return
    end
    wrong = wrong + 1
    if first_wrong == "" then first_wrong = status .. " " .. text:sub(1, 300):gsub('["\\\n%c]', " ") end
end

function init()
    begun = now()
end

function done(summary, latency)
    local thread = threads[1]
    local count, bad, e = thread:get("right"), thread:get("wrong"), summary.errors
    local took = math.min(seconds, thread:get("ended") - thread:get("begun"))
    local line = '{"done":%d,"per_second":%.1f,"p50_ms":%.3f,"p95_ms":%.3f,"p99_ms":%.3f,"errors":%d,"first_error":"%s"}\n'
    io.write(string.format(line, count, count / took, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
        latency:percentile(99) / 1000, bad + e.connect + e.read + e.write + e.timeout, thread:get("first_wrong")))
end
