"""No page at all."""

urlpatterns = []
