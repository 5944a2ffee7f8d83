
-- The methods of a path, or nil when no RPC has such a path.
local function methods_of(path)
  if exact[path] then return exact[path] end
  local slash = string.find(path, "/", 1, true)
  while slash do
    for _, shape in ipairs(shaped[string.sub(path, 1, slash)] or {}) do
      if string.match(path, shape[1]) then return shape[2] end
    end
    slash = string.find(path, "/", slash + 1, true)
  end
end

-- Whether the bytes are UTF-8 (RFC 3629) without NUL: nothing else may become a string of a message.
local function well_formed(bytes)
  local at, length = 1, #bytes
  while at <= length do
    local lead, second = string.byte(bytes, at, at + 1)
    local size = 1
    if lead == 0 or (lead > 0x7f and lead < 0xc2) or lead > 0xf4 then return false end
    if lead >= 0xc2 then size = lead < 0xe0 and 2 or lead < 0xf0 and 3 or 4 end
    if at + size - 1 > length then return false end
    for index = at + 1, at + size - 1 do
      local byte = string.byte(bytes, index)
      if byte < 0x80 or byte > 0xbf then return false end
    end
    if (lead == 0xe0 and second < 0xa0) or (lead == 0xed and second > 0x9f)
      or (lead == 0xf0 and second < 0x90) or (lead == 0xf4 and second > 0x8f) then return false end
    at = at + size
  end
  return true
end

local function unescaped(text)
  return (string.gsub(text, "%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local target = headers:get(":path")
  if string.find(target, "[%%\128-\255]") and not well_formed(unescaped(target)) then
    handle:respond({[":status"] = "400"}, "The path is not valid UTF-8.")
    return
  end
  if string.sub(headers:get("content-type") or "", 1, 16) == "application/grpc" then return end
  local methods = methods_of(string.match(target, "^[^?]*"))
  if methods and not string.find(", " .. methods .. ",", ", " .. headers:get(":method") .. ",", 1, true) then
    handle:respond({[":status"] = "405", ["allow"] = methods}, "")
  end
end

-- Errors that a service's gRPC library sends by itself bear no details: they get the reason their code stands for.
function envoy_on_response(handle)
  local headers = handle:headers()
  if string.byte(headers:get(":status")) < string.byte("4") or headers:get("content-type") ~= "application/json" then
    return
  end
  local body = handle:body()
  local bytes = body and body:getBytes(0, body:length()) or ""
  local code = string.match(bytes, '^{"code":(%d+),.*"details":%[%]}%s*$')
  if code then
    headers:replace("content-length", tostring(body:setBytes(bare[code] or bare["2"])))
  end
end
