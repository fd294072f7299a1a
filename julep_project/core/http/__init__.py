"""The one way out for requests made on behalf of users (`api_call`, webhooks, documents by URL)."""

from julep_project.core.http.client import HttpClient as HttpClient
from julep_project.core.http.client import Limits as Limits
from julep_project.core.http.client import check_reachable as check_reachable
from julep_project.core.http.client import connect as connect
from julep_project.core.http.client import is_sealed_way as is_sealed_way
from julep_project.core.http.client import send as send
from julep_project.core.http.errors import BadResponse as BadResponse
from julep_project.core.http.errors import BadUrl as BadUrl
from julep_project.core.http.errors import Blocked as Blocked
from julep_project.core.http.errors import CertificateRefused as CertificateRefused
from julep_project.core.http.errors import ConnectFailed as ConnectFailed
from julep_project.core.http.errors import HttpError as HttpError
from julep_project.core.http.errors import InvalidRequest as InvalidRequest
from julep_project.core.http.errors import Timeout as Timeout
from julep_project.core.http.errors import TooLarge as TooLarge
from julep_project.core.http.errors import TooManyRedirects as TooManyRedirects
from julep_project.core.http.request import COMMON_HEADERS as COMMON_HEADERS
from julep_project.core.http.request import LONGEST_WORD as LONGEST_WORD
from julep_project.core.http.request import IncomingResponse as IncomingResponse
from julep_project.core.http.request import OutgoingRequest as OutgoingRequest
from julep_project.core.http.request import host_and_port as host_and_port
from julep_project.core.http.request import origin_of as origin_of
from julep_project.core.http.request import place_of_url as place_of_url
from julep_project.core.http.streaming import StreamedResponse as StreamedResponse
from julep_project.core.http.streaming import StreamingClient as StreamingClient
