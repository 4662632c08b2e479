-- wrk's part of scripts/bench.sh: each request records one contact under a key of its own. After
-- GOLDAW_BENCH_SECONDS nothing new is sent, and what is under way is waited for; so the service and
-- this script know of the same contacts in the end.
local ffi = require("ffi")
ffi.cdef("struct moment { long s; long us; }; int gettimeofday(struct moment *, void *);")
local moment = ffi.new("struct moment")
local function now()
    ffi.C.gettimeofday(moment, nil)
    return tonumber(moment.s) + tonumber(moment.us) / 1e6
end

local threads = {}
function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

local seconds = tonumber(os.getenv("GOLDAW_BENCH_SECONDS"))
local run = os.getenv("GOLDAW_BENCH_RUN")
local headers = {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer " .. os.getenv("GOLDAW_BENCH_TOKEN"),
}
local body = '{"channel":"phone","kind":"support","opened_at":"' .. os.getenv("GOLDAW_BENCH_OPENED")
    .. '","caller_role":"survivor","language":"tk","person":{"age_band":"26_40","sex":"female","area":"TM-M-BAY"},'
    .. '"answers":{"perpetrator_present":"yes","strangled":"yes","weapon":"unknown"},'
    .. '"wishes":["medical","safe_house"],"finish":true}'

local sent, stop = 0, nil
created, refused, first_refusal = 0, 0, ""

function delay()
    stop = stop or now() + seconds
    return now() < stop and 0 or 3600000
end

function request()
    sent = sent + 1
    headers["Idempotency-Key"] = string.format("%s-%d-%d", run, number, sent)
    return wrk.format("POST", "/api/v1/contacts", headers, body)
end

function response(status, _, text)
    if status == 201 then
        created = created + 1
        return
    end
    refused = refused + 1
    if first_refusal == "" then
        first_refusal = status .. " " .. text:gsub('["\\\n]', " ")
    end
end

function done(summary, latency)
    local total, wrong, example = 0, 0, ""
    for _, thread in ipairs(threads) do
        total = total + thread:get("created")
        wrong = wrong + thread:get("refused")
        example = example ~= "" and example or thread:get("first_refusal")
    end
    local e = summary.errors
    local line = '{"created":%d,"per_second":%.1f,"p50_ms":%.3f,"p95_ms":%.3f,"p99_ms":%.3f,"errors":%d,"first_error":"%s"}\n'
    io.write(string.format(line, total, total / seconds, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
        latency:percentile(99) / 1000, wrong + e.connect + e.read + e.write + e.timeout, example))
end
